"""Logistic regression over hashed features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import log_softmax, logsumexp
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from functions.shared.local_models.features import Features, FeatureSettings, extract
from training.local_models.graph import Mixture

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Rows = Any
"""A sparse matrix of ones: a row per text and a column per feature."""

SMOOTHING = 1.0
MOST_ITERATIONS, TOLERANCE = 500, 1e-4
"""A larger tolerance stops before the rarer features have their weights."""
EVIDENCE_POWER = 0.75


@dataclass(frozen=True)
class Corpus:
    """Texts as rows of features, and flags of the words they often hold."""

    rows: Rows
    known_words: NDArray[np.bool_]


@dataclass(frozen=True)
class Fitted:
    """One column of weights per label; of a label that does not occur, zeros and a low bias."""

    weights: Floats
    bias: Floats


ABSENT = -30.0
"""The bias of a label that an expert never gives."""


def corpus_of(texts: Sequence[str], settings: FeatureSettings, *, known_from: int) -> Corpus:
    """A word counts as known when at least so many texts hold it."""
    features = [extract(text, settings) for text in texts]
    words = np.bincount(
        np.concatenate([one.words for one in features]), minlength=settings.word_space
    )
    return Corpus(_rows_of(features, settings.feature_space), words >= known_from)


def _rows_of(features: Sequence[Features], space: int) -> Rows:
    ends = np.cumsum([0, *(one.numbers.size for one in features)])
    numbers = np.concatenate([one.numbers for one in features])
    ones = np.ones(numbers.size)
    return sparse.csr_matrix((ones, numbers, ends), shape=(len(features), space))


def frequent_features(rows: Rows, *, least: int) -> NDArray[np.bool_]:
    """Flags of the features that at least so many texts hold."""
    flags: NDArray[np.bool_] = np.asarray(rows.sum(axis=0)).ravel() >= least
    return flags


def folded(rows: Rows, known: NDArray[np.bool_], row_count: int) -> Rows:
    """The known features, numbered as the rows of the weights are."""
    numbers = np.flatnonzero(known)
    fold = sparse.csr_matrix(
        (np.ones(numbers.size), (numbers, numbers % row_count)), shape=(known.size, row_count)
    )
    return (rows @ fold).tocsr()


def damped(rows: Rows, damping: float) -> Rows:
    counts = np.asarray(rows.sum(axis=1)).ravel()
    return (sparse.diags(np.maximum(counts, 1) ** -damping) @ rows).tocsr()


def fit(
    rows: Rows,
    labels: Labels,
    weights: Floats,
    *,
    label_count: int,
    strength: float,
    scale: Floats | None = None,
) -> Fitted:
    """A larger `strength` fits more closely; `scale` says how readily each feature is believed."""
    used = np.flatnonzero(np.diff(rows.tocsc().indptr))
    scaled = rows[:, used] if scale is None else rows[:, used] @ sparse.diags(scale[used])
    model = LogisticRegression(C=strength, max_iter=MOST_ITERATIONS, tol=TOLERANCE)
    # With more threads sums are taken in another order, and the bytes would depend on the machine.
    with threadpool_limits(limits=1):
        model.fit(scaled.tocsr(), labels, sample_weight=weights)
    coefficients, bias = model.coef_.T, model.intercept_
    if len(model.classes_) == 2:
        coefficients = np.hstack((np.zeros_like(coefficients), coefficients))
        bias = np.concatenate(([0.0], bias))
    if scale is not None:
        coefficients = coefficients * scale[used, None]
    spread = np.zeros((rows.shape[1], label_count))
    spread[np.ix_(used, model.classes_)] = coefficients
    full_bias = np.full(label_count, ABSENT)
    full_bias[model.classes_] = bias
    return Fitted(spread, full_bias)


def evidence(rows: Rows, is_label: NDArray[np.bool_], weights: Floats) -> Floats:
    """How far each feature alone speaks for or against a label, after naive Bayes."""
    inside = SMOOTHING + rows.T @ (weights * is_label)
    outside = SMOOTHING + rows.T @ (weights * ~is_label)
    ratios: Floats = np.abs(np.log((inside / inside.sum()) / (outside / outside.sum())))
    return ratios**EVIDENCE_POWER


def most_useful(fits: Sequence[Fitted], counts: Floats, most: int) -> NDArray[np.bool_]:
    """Flags of the features whose weights, over all texts, move an answer the furthest."""
    moved = np.zeros(counts.size)
    for one in fits:
        reach = (one.weights.max(axis=1) - one.weights.min(axis=1)) * np.sqrt(counts)
        if reach.any():
            # A high quantile makes experts with smaller weights comparable.
            moved = np.maximum(moved, reach / np.quantile(reach[reach > 0], 0.9))
    flags = np.zeros(counts.size, np.bool_)
    flags[np.argsort(-moved, kind="stable")[:most]] = True
    return flags & (moved > 0)


@dataclass(frozen=True)
class Shape:
    """Of a model: what it reads of a text, and how much of that it keeps.

    `known_from`: a word that fewer texts hold may be a foreign one.
    """

    features: FeatureSettings
    kept_features: int
    weight_rows: int
    known_from: int
    damping: float


def fit_mixture(
    texts: Sequence[str],
    labels: tuple[str, ...],
    shape: Shape,
    fit_columns: Callable[[Rows], Sequence[Fitted]],
    *,
    experts: int = 1,
) -> Mixture:
    """Fits twice: first to find the features that matter, then with those alone.

    `fit_columns` fits the experts, and the gate behind them if there are more than one.
    """
    corpus = corpus_of(texts, shape.features, known_from=shape.known_from)
    counts = np.asarray(corpus.rows.sum(axis=0)).ravel()
    frequent = frequent_features(corpus.rows, least=2)
    first = fit_columns(folded(corpus.rows, frequent, shape.features.feature_space))
    known = frequent & most_useful(first, counts, shape.kept_features)
    second = fit_columns(folded(corpus.rows, known, shape.weight_rows))
    return Mixture(
        labels=labels,
        experts=experts,
        weights=np.hstack([one.weights for one in second]),
        bias=np.concatenate([one.bias for one in second]),
        damping=shape.damping,
        known_features=known,
        known_words=corpus.known_words,
        features=shape.features,
    )


def log_probabilities(mixture: Mixture, texts: Sequence[str]) -> Floats:
    """What the exported graph would say of each text, before calibration."""
    rows = corpus_of(texts, mixture.features, known_from=1).rows
    known = damped(folded(rows, mixture.known_features, len(mixture.weights)), mixture.damping)
    scores = np.asarray(known @ mixture.weights) + mixture.bias
    split = mixture.experts * len(mixture.labels)
    shape = (len(texts), mixture.experts, len(mixture.labels))
    logs = log_softmax(scores[:, :split].reshape(shape), axis=2)
    if mixture.experts == 1:
        return np.asarray(logs[:, 0])
    shares = log_softmax(scores[:, split:], axis=1)
    return np.asarray(logsumexp(logs + shares[:, :, None], axis=1))
