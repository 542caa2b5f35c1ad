"""Trains the sentiment model: an expert each on messages, films and products, and a gate."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from functions.shared.local_models.features import FeatureSettings
from functions.shared.local_models.scored_label import most_likely
from training.data import Row, read_sources, with_known_labels
from training.local_models.calibration import temperature_of, threshold_of
from training.local_models.evaluation import Judged
from training.local_models.graph import Calibration, Mixture, write_model
from training.local_models.linear import (
    Fitted,
    Floats,
    Labels,
    Rows,
    Shape,
    damped,
    evidence,
    fit,
    fit_mixture,
    log_probabilities,
)

LABELS = ("negative", "neutral", "positive")
NEGATIVE, NEUTRAL, POSITIVE = range(3)
FEATURES = FeatureSettings(
    feature_space=1 << 21,
    word_space=1 << 18,
    head_characters=2000,
    tail_characters=1000,
    word_ngrams=2,
    character_ngrams=(4, 5),
    negated_words=3,
)
DAMPING = 0.35
KEPT_FEATURES = 170_000
WEIGHT_ROWS = 165_001
"""Odd, so that numbers which differ in high bits only fall into different rows."""
KNOWN_FROM = 20
"""A word that fewer texts hold may be a foreign one."""
COVERAGE = (0.3, 0.65)

NEUTRAL_BIAS = -0.3
"""Added to neutral's log-probability: a review mostly has a verdict. Of the held-out reviews with one, up to 1 %
more are right for it, and the mean recall of tweets is as good; more plain statements get a polarity."""

TARGET_ACCURACY = 0.85
"""Of what the engine answers with this model; the rest it hands to another."""

LEXICON = "opinion_lexicon"
TWEETS, FILMS, FILM_REVIEWS = "semeval2013_2016", "rt_polarity", "movie_reviews"
PRODUCTS, TITLES, FRAGMENTS, PLAIN = "amazon5", "amazon5_titles", "pros_cons", "plain"
PASSAGE_PROMPTS = ("t0_cnn_summarize", "t0_reading_reasoning")
REQUESTS = (("trec_questions", "chat"), ("clinc150", "tools"))
LATER_TWEETS = "semeval2016test"


@dataclass(frozen=True)
class Expert:
    """What an expert learns from; `balance` 1 makes a source's labels count alike, 0 as they are."""

    sources: Mapping[str, float]
    strength: float
    balance: float = 0
    labels: tuple[int, ...] = (NEGATIVE, NEUTRAL, POSITIVE)


EXPERTS = (
    Expert({TWEETS: 1, PLAIN: 0.2}, strength=0.5, balance=1),
    Expert(
        {FILMS: 1, FILM_REVIEWS: 0.5, PRODUCTS: 0.3, TITLES: 0.1, FRAGMENTS: 0.05},
        strength=6,
        labels=(NEGATIVE, POSITIVE),
    ),
    Expert(
        {PRODUCTS: 1, TITLES: 0.4, FRAGMENTS: 0.3, FILMS: 0.5, FILM_REVIEWS: 0.3},
        strength=3,
        balance=0.25,
    ),
)
LEXICON_WEIGHT = 0.2
KINDS: tuple[Mapping[str, float], ...] = (
    {TWEETS: 0.3, PLAIN: 0.15},
    {FILMS: 1, FILM_REVIEWS: 1},
    {PRODUCTS: 1, TITLES: 1, FRAGMENTS: 0.25},
)
"""What the gate learns from, and how much each source counts."""


@dataclass(frozen=True)
class _Table:
    """The rows to learn from, as arrays."""

    rows: Rows
    labels: Labels
    sources: NDArray[np.str_]


@dataclass(frozen=True)
class HeldOut:
    """What a model trained without these rows says of them, and the calibration fitted to that."""

    rows: Sequence[Row]
    judged: Sequence[Judged]
    calibration: Calibration


def train_sentiment(data: Path, out: Path) -> None:
    rows = read_training_rows(data)
    write_model(out, fit_rows(rows), judge_held_out(rows).calibration)


def judge_held_out(rows: Sequence[Row]) -> HeldOut:
    held = [row for row in rows if is_held_out(row)]
    mixture = fit_rows([row for row in rows if not is_held_out(row)])
    bias = (0.0, NEUTRAL_BIAS, 0.0)
    logs = log_probabilities(mixture, [row.text for row in held]) + np.array(bias)
    weights = _alike_by_source(held)
    gold = np.array([LABELS.index(row.label) for row in held])
    temperature = temperature_of(logs, gold, weights)
    fitted = np.exp(log_softmax(logs / temperature, axis=1))
    judged = [
        Judged(row.label, most_likely(dict(zip(LABELS, probabilities, strict=True))))
        for row, probabilities in zip(held, fitted.tolist(), strict=True)
    ]
    threshold = threshold_of(judged, weights, target=TARGET_ACCURACY)
    return HeldOut(held, judged, Calibration(temperature, bias, threshold, COVERAGE))


def _alike_by_source(rows: Sequence[Row]) -> Floats:
    counts = Counter(row.source for row in rows)
    return np.array([1 / counts[row.source] for row in rows])


def read_training_rows(data: Path) -> list[Row]:
    """The labelled rows, plain statements as neutral ones, and a product review's title also by itself."""
    rows = with_known_labels(read_sources(data, "sentiment"), LABELS, data)
    return [*rows, *_titles(rows), *_plain(read_sources(data, "task"))]


def is_held_out(row: Row) -> bool:
    """A fifth of each source, but of the tweets a whole later year."""
    if row.source == TWEETS and row.part:
        return row.part == LATER_TWEETS
    # A title goes with its review, which is its part.
    whole = row.part or row.text
    return row.source != LEXICON and zlib.crc32(whole.encode("utf-8", "replace")) % 5 == 0


def fit_rows(rows: Sequence[Row]) -> Mixture:
    labels = np.array([LABELS.index(row.label) for row in rows])
    sources = np.array([row.source for row in rows])
    shape = Shape(FEATURES, KEPT_FEATURES, WEIGHT_ROWS, KNOWN_FROM, DAMPING)

    def fit_columns(features: Rows) -> list[Fitted]:
        table = _Table(features, labels, sources)
        return [*(_fit_expert(table, expert) for expert in EXPERTS), _fit_gate(table)]

    texts = [row.text for row in rows]
    return fit_mixture(texts, LABELS, shape, fit_columns, experts=len(EXPERTS))


def _fit_expert(table: _Table, expert: Expert) -> Fitted:
    chosen = np.flatnonzero(
        np.isin(table.sources, [*expert.sources, LEXICON]) & np.isin(table.labels, expert.labels)
    )
    labels, sources = table.labels[chosen], table.sources[chosen]
    weights = _weights(labels, sources, expert.sources, expert.balance)
    rows = table.rows[chosen]
    opinions = labels != NEUTRAL
    scale = evidence(rows[opinions], labels[opinions] == POSITIVE, weights[opinions])
    if NEUTRAL in expert.labels:
        scale = np.maximum(scale, evidence(rows, labels == NEUTRAL, weights))
    rows, strength = damped(rows, DAMPING), expert.strength
    return fit(rows, labels, weights, label_count=len(LABELS), strength=strength, scale=scale)


def _weights(
    labels: Labels, sources: NDArray[np.str_], shares: Mapping[str, float], balance: float
) -> Floats:
    weights = np.zeros(labels.size)
    for source, share in {**shares, LEXICON: LEXICON_WEIGHT}.items():
        ours = sources == source
        present, counts = np.unique(labels[ours], return_counts=True)
        power = 1.0 if source == LEXICON else balance
        for label, count in zip(present, counts, strict=True):
            weights[ours & (labels == label)] = share * (counts.mean() / count) ** power
    return weights


def _fit_gate(table: _Table) -> Fitted:
    shares = {source: share for kind in KINDS for source, share in kind.items()}
    kinds = {source: number for number, kind in enumerate(KINDS) for source in kind}
    chosen = np.flatnonzero(np.isin(table.sources, list(kinds)))
    sources = table.sources[chosen]
    return fit(
        damped(table.rows[chosen], DAMPING),
        np.array([kinds[source] for source in sources]),
        np.array([shares[source] for source in sources]),
        label_count=len(KINDS),
        strength=0.5,
    )


def _titles(rows: Sequence[Row]) -> list[Row]:
    return [
        replace(row, text=row.text.split(" | ")[0], source=TITLES, part=row.text)
        for row in rows
        if row.source == PRODUCTS and " | " in row.text
    ]


_SENTENCE_END = re.compile(r"(?<=[.!?]) +")


def _plain(prompts: Sequence[Row]) -> list[Row]:
    texts = [text for row in prompts for text in _statements(row)]
    return [Row(text, "neutral", PLAIN) for text in texts if 15 <= len(text) <= 200]


def _statements(prompt: Row) -> list[str]:
    """Sentences out of the middle of articles and passages, factual questions, requests."""
    if prompt.source in PASSAGE_PROMPTS:
        return _SENTENCE_END.split(prompt.text)[2:6]
    return [prompt.text] if (prompt.source, prompt.label) in REQUESTS else []
