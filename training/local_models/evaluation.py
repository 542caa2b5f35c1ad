"""Measures predictions against gold labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.shared.local_models.scored_label import ScoredLabel
from training.data import Row, read_rows, with_known_labels

BINS = 10
"""Of the calibration error: equally wide spans of confidence."""


@dataclass(frozen=True)
class Judged:
    """A row's gold label beside the prediction."""

    gold: str
    prediction: ScoredLabel

    @property
    def is_right(self) -> bool:
        return self.prediction.label == self.gold


def judge(rows: Sequence[Row], predict: Callable[[str], ScoredLabel]) -> list[Judged]:
    return [Judged(row.label, predict(row.text)) for row in rows]


def evaluate_files(
    paths: Sequence[Path],
    predict: Callable[[str], ScoredLabel],
    labels: Sequence[str],
    threshold: float,
) -> dict[str, Any]:
    """The metrics of each file and of all rows together; raises `MalformedRows`."""
    rows_by_file = {path: with_known_labels(read_rows(path), labels, path) for path in paths}
    judged_by_file = {str(path): judge(rows, predict) for path, rows in rows_by_file.items()}
    pooled = [judged for rows in judged_by_file.values() for judged in rows]
    return {
        "files": {name: metrics(rows, labels, threshold) for name, rows in judged_by_file.items()},
        "pooled": metrics(pooled, labels, threshold),
    }


def metrics(judged: Sequence[Judged], labels: Sequence[str], threshold: float) -> dict[str, Any]:
    """Means over labels are over those that occur as gold."""
    confusion = confusion_of(judged, labels)
    by_label = {
        label: _label_metrics(confusion, number)
        for number, label in enumerate(labels)
        if confusion[number].sum()
    }
    sure = [one for one in judged if one.prediction.confidence >= threshold]
    return {
        "rows": len(judged),
        "accuracy": _share_right(judged),
        "accuracy_among_labels_present": _accuracy_among(judged, set(by_label)),
        "macro_f1": _mean([one["f1"] for one in by_label.values()]),
        "macro_recall": _mean([one["recall"] for one in by_label.values()]),
        "labels": by_label,
        "confusion": {
            gold: dict(zip(labels, confusion[number].tolist(), strict=True))
            for number, gold in enumerate(labels)
            if gold in by_label
        },
        "calibration_error": calibration_error(judged),
        "threshold": threshold,
        "coverage_at_threshold": round(len(sure) / len(judged), 4),
        "accuracy_at_threshold": _share_right(sure),
    }


def confusion_of(judged: Sequence[Judged], labels: Sequence[str]) -> NDArray[np.int64]:
    """Gold labels down, predicted labels across."""
    numbers = {label: number for number, label in enumerate(labels)}
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    for one in judged:
        confusion[numbers[one.gold], numbers[one.prediction.label]] += 1
    return confusion


def calibration_error(judged: Sequence[Judged]) -> float:
    """The mean distance of confidence and accuracy over the bins, weighted by their rows."""
    distances = (abs(sure - right) * rows for sure, right, rows in reliability(judged))
    return round(sum(distances) / len(judged), 4)


def reliability(judged: Sequence[Judged]) -> list[tuple[float, float, int]]:
    """Mean confidence, accuracy and number of rows of each bin that holds any."""
    bins: list[list[Judged]] = [[] for _ in range(BINS)]
    for one in judged:
        bins[min(BINS - 1, int(one.prediction.confidence * BINS))].append(one)
    return [
        (
            sum(one.prediction.confidence for one in rows) / len(rows),
            sum(one.is_right for one in rows) / len(rows),
            len(rows),
        )
        for rows in bins
        if rows
    ]


def _label_metrics(confusion: NDArray[np.int64], number: int) -> dict[str, Any]:
    right = int(confusion[number, number])
    gold, predicted = int(confusion[number].sum()), int(confusion[:, number].sum())
    return {
        "rows": gold,
        "precision": round(right / predicted, 4) if predicted else 0.0,
        "recall": round(right / gold, 4),
        "f1": round(2 * right / (gold + predicted), 4),
    }


def _accuracy_among(judged: Sequence[Judged], present: set[str]) -> float:
    """The accuracy of choosing only among the labels that occur as gold."""
    chosen = [
        max(present, key=lambda label: (one.prediction.probabilities[label], label)) == one.gold
        for one in judged
    ]
    return round(sum(chosen) / len(chosen), 4)


def _share_right(judged: Sequence[Judged]) -> float:
    return round(sum(one.is_right for one in judged) / len(judged), 4) if judged else 0.0


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)
