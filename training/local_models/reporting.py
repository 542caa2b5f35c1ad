"""Writes the figures of the model card: tables in docs/models.md and reliability diagrams."""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.data import Row
from training.local_models import classifier, sentiment
from training.local_models.evaluation import Judged, metrics, reliability

CARD = "models.md"
MOST_ROWS = {"classifier": 150, "sentiment": 1000}
"""Of a source and label, so that large sources do not decide the pooled figures."""


@dataclass(frozen=True)
class _Part:
    name: str
    rows: Sequence[Row]
    judged: Sequence[Judged]
    labels: Sequence[str]
    threshold: float


def write_report(data: Path, docs: Path) -> None:
    """Trains without the held-out rows and measures on them; takes some minutes."""
    for part in (_classifier_part(data), _sentiment_part(data)):
        _write_part(docs, part)


def _classifier_part(data: Path) -> _Part:
    unseen = classifier.predict_unseen(classifier.read_training_rows(data))
    decision, threshold = classifier.fit_decision(unseen)
    judged = classifier.judged_unseen(unseen, decision)
    return _Part("classifier", unseen.rows, judged, classifier.LABELS, threshold)


def _sentiment_part(data: Path) -> _Part:
    held = sentiment.judge_held_out(sentiment.read_training_rows(data))
    threshold = held.calibration.threshold
    return _Part("sentiment", held.rows, held.judged, sentiment.LABELS, threshold)


def _write_part(docs: Path, part: _Part) -> None:
    def measured(judged: Sequence[Judged]) -> dict[str, Any]:
        return metrics(judged, part.labels, part.threshold)

    by_source, most = _by_source(part), MOST_ROWS[part.name]
    sample = [one for found in by_source.values() for one in _sampled(found, part.labels, most)]
    pooled = measured(sample)
    tables = [
        _sources_table({source: measured(found) for source, found in by_source.items()}),
        _labels_table(pooled),
        _confusion_table(pooled, part.labels),
        _summary(pooled),
    ]
    _replace_part(docs / CARD, part.name, "\n\n".join(tables))
    _draw_reliability(docs / f"reliability_{part.name}.png", part, sample)


def _by_source(part: _Part) -> dict[str, list[Judged]]:
    """Each source's rows in an order that depends on the texts alone."""
    found: defaultdict[str, list[tuple[int, Judged]]] = defaultdict(list)
    for row, one in zip(part.rows, part.judged, strict=True):
        order = zlib.crc32(row.text.encode("utf-8", "replace"))
        found[row.source.split(":")[0]].append((order, one))
    return {
        source: [one for _, one in sorted(numbered, key=lambda pair: pair[0])]
        for source, numbered in sorted(found.items())
    }


def _sampled(judged: Sequence[Judged], labels: Sequence[str], most: int) -> list[Judged]:
    return [one for label in labels for one in [row for row in judged if row.gold == label][:most]]


def _sources_table(by_source: dict[str, dict[str, Any]]) -> str:
    return _table(
        ["source", "rows", "labels", "accuracy", "among its labels", "mean recall"],
        [
            [
                source,
                found["rows"],
                len(found["labels"]),
                _figure(found["accuracy"]),
                _figure(found["accuracy_among_labels_present"]) if len(found["labels"]) > 1 else "",
                _figure(found["macro_recall"]),
            ]
            for source, found in by_source.items()
        ],
    )


def _labels_table(pooled: dict[str, Any]) -> str:
    return _table(
        ["label", "rows", "precision", "recall", "F1"],
        [
            [label, found["rows"], *(_figure(found[key]) for key in ("precision", "recall", "f1"))]
            for label, found in pooled["labels"].items()
        ],
    )


def _confusion_table(pooled: dict[str, Any], labels: Sequence[str]) -> str:
    return _table(
        ["gold \\ predicted", *labels],
        [[gold, *found.values()] for gold, found in pooled["confusion"].items()],
    )


def _summary(pooled: dict[str, Any]) -> str:
    return (
        f"Pooled over {pooled['rows']} rows: macro-F1 {_figure(pooled['macro_f1'])}, "
        f"accuracy {_figure(pooled['accuracy'])}, "
        f"calibration error {_figure(pooled['calibration_error'])}."
        f"\nAt the threshold of {pooled['threshold']:.2f} it keeps "
        f"{pooled['coverage_at_threshold']:.0%} of the rows, {_figure(pooled['accuracy_at_threshold'])} "
        "of them right."
    )


def _figure(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _replace_part(card: Path, name: str, text: str) -> None:
    begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    replaced = pattern.sub(lambda _: f"{begin}\n{text}\n{end}", card.read_text("utf-8"))
    card.write_text(replaced, "utf-8")


def _draw_reliability(path: Path, part: _Part, judged: Sequence[Judged]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    bins = reliability(judged)
    figure, axes = plt.subplots(figsize=(4.5, 4.5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="as sure as right")
    axes.axvline(part.threshold, color="0.8", label=f"threshold {part.threshold:.2f}")
    axes.plot([one[0] for one in bins], [one[1] for one in bins], marker="o", label=part.name)
    for sure, right, rows in bins:
        axes.annotate(str(rows), (sure, right), (6, -10), textcoords="offset points", fontsize=8)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="mean confidence", ylabel="share right")
    axes.set_title(f"{part.name}: confidence on held-out rows (with their number)", fontsize=9)
    axes.legend(loc="upper left", fontsize=8)
    # Without the version of matplotlib the same figures give the same file.
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)
