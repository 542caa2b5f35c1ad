"""Trains the task classifier and, on sources left out of training, how it is combined with cues."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from functions.shared.local_models.cue_words import cue_weights
from functions.shared.local_models.features import FeatureSettings
from functions.shared.local_models.scored_label import most_likely
from functions.shared.local_models.tasks import TaskDecision
from functions.shared.vocabulary import TextTask
from training.data import Row, read_sources, with_known_labels
from training.local_models.calibration import decision_of, threshold_of
from training.local_models.evaluation import Judged
from training.local_models.graph import Calibration, Mixture, write_model
from training.local_models.instructions import instruction_rows
from training.local_models.linear import (
    Fitted,
    Floats,
    Labels,
    Rows,
    Shape,
    damped,
    fit,
    fit_mixture,
    log_probabilities,
)

LABELS: tuple[str, ...] = get_args(TextTask)
FEATURES = FeatureSettings(
    feature_space=1 << 21,
    word_space=1 << 18,
    head_characters=400,
    tail_characters=200,
    word_ngrams=2,
    character_ngrams=(3, 4, 5),
    opening_words=3,
    separate_tail=True,
)
DAMPING = 0.5
KEPT_FEATURES = 150_000
WEIGHT_ROWS = 150_001
STRENGTH = 5.0
KNOWN_FROM = 10
"""A word that fewer texts hold may be a foreign one."""
COVERAGE = (0.3, 0.65)
COPIES = 12
FOLDS = 5
CHAT_SHARE = 0.35
"""Taken for the prior: of traffic more is chat, yet no other task may drown."""

TARGET_ACCURACY = 0.9
"""Of what is routed by its task; the rest is routed as if it were harder."""

SYNTHETIC = "synthetic_templates"
INSTRUCTIONS = "instructions"
FILLING_SOURCES = ("semeval2013_2016", "rt_polarity", "movie_reviews", "amazon5")
PASSAGE_SOURCES = ("t0_cnn_summarize", "t0_reading_reasoning")


@dataclass(frozen=True)
class Unseen:
    """Rows with what a model says that was trained on other sources: its log-probabilities."""

    rows: Sequence[Row]
    learned: Floats
    cues: Floats


def train_classifier(data: Path, out: Path) -> None:
    rows = read_training_rows(data)
    decision, threshold = fit_decision(predict_unseen(rows))
    calibration = Calibration(1.0, (0.0,) * len(LABELS), threshold, COVERAGE)
    write_model(out, fit_rows(rows), calibration, decision=asdict(decision))


def read_training_rows(data: Path) -> list[Row]:
    """The labelled prompts and the instructions of our own, filled with texts of the sources."""
    rows = with_known_labels(read_sources(data, "task"), LABELS, data)
    texts = [*_reviews_and_tweets(data), *_article_bodies(rows)]
    return [*rows, *instruction_rows(texts, copies=COPIES)]


def fit_rows(rows: Sequence[Row]) -> Mixture:
    labels, weights = labels_of(rows), _weights(rows)
    shape = Shape(FEATURES, KEPT_FEATURES, WEIGHT_ROWS, KNOWN_FROM, DAMPING)

    def fit_columns(features: Rows) -> list[Fitted]:
        rows = damped(features, DAMPING)
        return [fit(rows, labels, weights, label_count=len(LABELS), strength=STRENGTH)]

    return fit_mixture([row.text for row in rows], LABELS, shape, fit_columns)


def predict_unseen(rows: Sequence[Row]) -> Unseen:
    """Every row, by a model that saw none of its source (or of its template, where we wrote it)."""
    folds = np.array([_fold(row) for row in rows])
    learned = np.zeros((len(rows), len(LABELS)))
    for fold in range(FOLDS):
        mixture = fit_rows([row for row, at in zip(rows, folds, strict=True) if at != fold])
        held = np.flatnonzero(folds == fold)
        learned[held] = log_probabilities(mixture, [rows[number].text for number in held.tolist()])
    cues = np.array([[cue_weights(row.text)[label] for label in LABELS] for row in rows])
    return Unseen(rows, learned, cues)


def fit_decision(unseen: Unseen) -> tuple[TaskDecision, float]:
    """The decision and the threshold of its confidence."""
    gold, weights = labels_of(unseen.rows), _traffic(unseen.rows)
    learned, cues, bias = decision_of(unseen.learned, unseen.cues, gold, weights)
    decision = TaskDecision(learned, cues, dict(zip(LABELS, bias, strict=True)))
    judged = judged_unseen(unseen, decision)
    return decision, threshold_of(judged, weights, target=TARGET_ACCURACY)


def judged_unseen(unseen: Unseen, decision: TaskDecision) -> list[Judged]:
    return [
        Judged(row.label, most_likely(decision.combine(_named(np.exp(logs)), _named(cues))))
        for row, logs, cues in zip(unseen.rows, unseen.learned, unseen.cues, strict=True)
    ]


def labels_of(rows: Sequence[Row]) -> Labels:
    return np.array([LABELS.index(row.label) for row in rows])


def _named(values: Floats) -> dict[str, float]:
    return dict(zip(LABELS, values.tolist(), strict=True))


def source_of(row: Row) -> str:
    return row.source.split(":")[0]


def _weights(rows: Sequence[Row]) -> Floats:
    """Large sources count less than their size; all labels count alike."""
    groups = Counter((source_of(row), row.label) for row in rows)
    weights = np.array([groups[source_of(row), row.label] ** -0.5 for row in rows])
    return _with_shares(rows, weights, dict.fromkeys(LABELS, 1.0))


def _traffic(rows: Sequence[Row]) -> Floats:
    """Every source of a label counts alike, and chat more than other labels."""
    groups = Counter((source_of(row), row.label) for row in rows)
    weights = np.array([1 / groups[source_of(row), row.label] for row in rows])
    others = (1 - CHAT_SHARE) / (len(LABELS) - 1)
    shares = {label: CHAT_SHARE if label == "chat" else others for label in LABELS}
    return _with_shares(rows, weights, shares)


def _with_shares(rows: Sequence[Row], weights: Floats, shares: Mapping[str, float]) -> Floats:
    """Scaled so that each label has its share and the mean is one."""
    labels = np.array([row.label for row in rows])
    scaled = weights.copy()
    for label in set(labels.tolist()):
        ours = labels == label
        scaled[ours] *= shares[label] / weights[ours].sum()
    return np.asarray(scaled * (len(rows) / scaled.sum()))


def _fold(row: Row) -> int:
    source = source_of(row)
    if source == INSTRUCTIONS:
        return _checksum(row.source) % FOLDS
    if source == SYNTHETIC:
        return _checksum(" ".join(row.text.split()[:3])) % FOLDS
    return _checksum(source) % FOLDS


def _checksum(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "replace"))


def _reviews_and_tweets(data: Path, *, most: int = 3000) -> list[str]:
    taken: Counter[str] = Counter()
    texts = []
    for row in read_sources(data, "sentiment"):
        if row.source in FILLING_SOURCES and taken[row.source] < most:
            taken[row.source] += 1
            texts.append(row.text)
    return texts


def _article_bodies(rows: Sequence[Row]) -> list[str]:
    """Prompts on articles and passages, without the ends where the instruction stands."""
    return [
        body
        for row in rows
        if row.source in PASSAGE_SOURCES and (body := row.text[120:-100].strip())
    ]
