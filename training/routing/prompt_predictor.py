"""Fits the predictor that says whether a cheaper model will do, and decides whether it is worth it.

The gain, which is the grade of the dearer model minus that of the cheaper, is fitted by ridge
regression over hashed runs and, for the figures of a prompt's shape, over random cosine waves,
which stand for a Gaussian kernel (Rahimi and Recht, 2007). The fit is solved over the prompts
rather than over the features, so that one kernel serves every model and every fold.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from functions.shared.policy.prompt_features import (
    FIGURES,
    PLACES,
    PromptFeatures,
    bounded,
    features_of,
)
from functions.shared.policy.prompt_predictor import PromptPredictor
from training.routing.metrics import average_gap_recovered

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Positions = NDArray[np.int64]
Selection = Positions | NDArray[np.bool_]

RIDGE = 0.17
"""Times the root of the number of prompts, against kernels in which a prompt's product with itself
is about 1."""
WORD_SHARE, CHARACTER_SHARE, WAVE_SHARE = 0.3, 0.7, 0.1
"""Of the kernel."""
WAVES = 256
WAVE_VARIANCE = 3.0 / FIGURES
"""Of the directions: the kernel of two prompts falls by e when the figures differ by 0.8 standard
deviations each."""
MOST_PROMPTS = 6000
"""A fit takes time with the cube of the prompts, so that of more an even selection is taken."""

LEAST_PROMPTS = 200
"""Graded for both models. With fewer, cross-validation cannot tell a predictor from chance."""
FOLDS, REPEATS, RESAMPLES = 5, 4, 300
LEAST_ERRORS = 1.64
"""In standard errors: what chance alone would exceed in one comparison of twenty."""
LEAST_SPREAD = 1e-3


@dataclass(frozen=True)
class Comparison:
    """APGR by repeated cross-validation, of the predictor and of the rule that sends the longest
    prompts to the dearer model; None where the dearer model is no better, or the prompts too few.

    `standard_error` is of the difference, by a bootstrap over the prompts.
    """

    prompts: int
    predictor: float | None = None
    length_rule: float | None = None
    standard_error: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the predictor is ahead of the rule, and of a draw, by more than chance gives."""
        if self.predictor is None or self.length_rule is None or self.standard_error is None:
            return False
        lead = self.predictor - max(self.length_rule, 0.5)
        return self.prompts >= LEAST_PROMPTS and lead > LEAST_ERRORS * self.standard_error


@dataclass(frozen=True)
class Corpus:
    """Prompts as rows of scaled counts of hashed runs, each of shape (prompts, PLACES)."""

    features: list[PromptFeatures]
    words: Any
    characters: Any

    def __len__(self) -> int:
        return len(self.features)

    def rows(self, chosen: Selection) -> Corpus:
        places = np.arange(len(self))[chosen]
        return Corpus(
            [self.features[place] for place in places], self.words[places], self.characters[places]
        )

    def products(self) -> Singles:
        """Of each prompt's runs with each other's, in the shape (prompts, prompts)."""
        products: Singles = (self.words @ self.words.T).toarray()
        products += (self.characters @ self.characters.T).toarray()
        return products


@dataclass(frozen=True)
class Fit:
    """Weights with a column per target. `held_out` is what each prompt would get from a fit to all
    the others, in the shape of the targets."""

    words: Floats
    characters: Floats
    waves: Floats
    means: Floats
    shape: _Waves
    held_out: Floats

    def predictions(self, corpus: Corpus) -> Floats:
        """Shape (prompts, targets)."""
        predicted: Floats = (
            corpus.words @ self.words
            + corpus.characters @ self.characters
            + self.shape.of(corpus.features) @ self.waves
            + self.means
        )
        return predicted


@dataclass(frozen=True)
class _Waves:
    figure_means: Floats
    figure_scales: Floats
    directions: Floats
    phases: Floats

    def of(self, features: Sequence[PromptFeatures]) -> Singles:
        figures = np.array([one.figures for one in features])
        standard = bounded((figures - self.figure_means) / self.figure_scales)
        waves = np.cos(standard @ self.directions + self.phases)
        scaled: Singles = (waves * np.sqrt(2 * WAVE_SHARE / WAVES)).astype(np.float32)
        return scaled


def fit_pair(
    texts: Sequence[str], weak: Floats, strong: Floats, *, weak_id: str, strong_id: str
) -> PromptPredictor:
    """`weak` and `strong` are the two models' grades in [0, 1], one per text.

    Raises ValueError for fewer than two texts, or where the lengths differ.
    """
    if len(texts) < 2 or not len(texts) == len(weak) == len(strong):
        raise ValueError("needs two texts or more, and for each a grade of both models")
    kept = _evenly(len(texts))
    weak, strong = np.asarray(weak, np.float64)[kept], np.asarray(strong, np.float64)[kept]
    corpus = corpus_of([texts[place] for place in kept])
    return predictor_of(corpus, weak, strong, weak_id=weak_id, strong_id=strong_id)


def beats_length_rule(texts: Sequence[str], weak: Floats, strong: Floats) -> Comparison:
    """Of what `fit_pair` would fit to the same grades; below `LEAST_PROMPTS` nothing is fitted."""
    if len(texts) < LEAST_PROMPTS:
        return Comparison(len(texts))
    kept = _evenly(len(texts))
    gains = (np.asarray(strong, np.float64) - np.asarray(weak, np.float64))[kept]
    corpus = corpus_of([texts[place] for place in kept])
    draw = np.random.default_rng(0)
    products = corpus.products()
    rounds = [
        out_of_fold(corpus, gains[:, None], draw.permutation(len(corpus)) % FOLDS, products)[:, 0]
        for _ in range(REPEATS)
    ]
    lengths = np.array([len(texts[place]) for place in kept], np.float64)
    return _comparison(rounds, lengths, gains, draw)


def predictor_of(
    corpus: Corpus,
    weak: Floats,
    strong: Floats,
    *,
    weak_id: str,
    strong_id: str,
    products: Singles | None = None,
) -> PromptPredictor:
    """The predictor of a corpus whose prompts have these grades; `products` if they are known."""
    fit = fit_columns(corpus, (strong - weak)[:, None], products)
    words, word_unit = _whole(fit.words[:, 0])
    characters, character_unit = _whole(fit.characters[:, 0])
    held_out = fit.held_out[:, 0] - fit.means[0]
    slope, intercept, usual = _calibration(held_out, weak >= strong)
    wave_scale = np.sqrt(2 * WAVE_SHARE / WAVES)
    return PromptPredictor(
        weak=weak_id,
        strong=strong_id,
        usual=usual,
        word_table=words,
        word_unit=word_unit * np.sqrt(WORD_SHARE),
        character_table=characters,
        character_unit=character_unit * np.sqrt(CHARACTER_SHARE),
        figure_means=tuple(float(one) for one in fit.shape.figure_means),
        figure_scales=tuple(float(one) for one in fit.shape.figure_scales),
        directions=_encoded(fit.shape.directions.astype("<f2")),
        phases=_encoded(fit.shape.phases.astype("<f2")),
        wave_weights=_encoded((fit.waves[:, 0] * wave_scale).astype("<f2")),
        slope=slope,
        intercept=intercept,
    )


def corpus_of(texts: Sequence[str]) -> Corpus:
    features = [features_of(text) for text in texts]
    words = _unit_rows([one.words for one in features], WORD_SHARE)
    characters = _unit_rows([one.characters for one in features], CHARACTER_SHARE)
    return Corpus(features, words, characters)


def fit_columns(corpus: Corpus, targets: Floats, products: Singles | None = None) -> Fit:
    """One fit per column of the targets, which have the shape (prompts, targets)."""
    products = corpus.products() if products is None else products
    waves = _waves_of(corpus.features)
    shape = waves.of(corpus.features)
    means = targets.mean(axis=0)
    # Sums of several threads are taken in another order, and the file would depend on the machine.
    with threadpool_limits(limits=1):
        kernel = _ridged(products + shape @ shape.T)
        unit = np.eye(len(kernel), dtype=np.float32)
        inverse = cho_solve(cho_factor(kernel, lower=True), unit).astype(np.float64)
        duals = inverse @ (targets - means)
        return Fit(
            words=np.asarray(corpus.words.T @ duals),
            characters=np.asarray(corpus.characters.T @ duals),
            waves=shape.T @ duals,
            means=means,
            shape=waves,
            held_out=targets - duals / np.diag(inverse)[:, None],
        )


def out_of_fold(
    corpus: Corpus, targets: Floats, folds: Positions, products: Singles | None = None
) -> Floats:
    """Of each prompt what a fit to the other folds predicts; the targets' shape."""
    products = corpus.products() if products is None else products
    found = np.zeros_like(targets)
    for fold in np.unique(folds):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        shape = _waves_of([corpus.features[place] for place in inside]).of(corpus.features)
        means = targets[inside].mean(axis=0)
        with threadpool_limits(limits=1):
            kernel = products[:, inside] + shape @ shape[inside].T
            factor = cho_factor(_ridged(kernel[inside]), lower=True)
            duals = cho_solve(factor, (targets[inside] - means).astype(np.float32))
            found[outside] = kernel[outside] @ duals + means
    return found


def _evenly(count: int) -> Positions:
    return np.unique(np.linspace(0, count - 1, min(count, MOST_PROMPTS)).astype(np.int64))


def _unit_rows(positions: Sequence[Positions], share: float) -> Any:
    ends = np.cumsum([0, *(one.size for one in positions)])
    ones = np.ones(ends[-1], np.float32)
    counts = sparse.csr_matrix(
        (ones, np.concatenate(positions), ends), shape=(len(positions), PLACES)
    )
    counts.sum_duplicates()
    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    scales = np.sqrt(share) / np.maximum(1, lengths)
    return (sparse.diags(scales.astype(np.float32)) @ counts).tocsr()


def _waves_of(features: Sequence[PromptFeatures]) -> _Waves:
    figures = np.array([one.figures for one in features])
    draw = np.random.default_rng(0)
    return _Waves(
        figure_means=figures.mean(axis=0).round(4),
        figure_scales=np.maximum(figures.std(axis=0), LEAST_SPREAD).round(4),
        directions=_halved(draw.normal(0, np.sqrt(WAVE_VARIANCE), (FIGURES, WAVES))),
        phases=_halved(draw.uniform(0, 2 * np.pi, WAVES)),
    )


def _halved(values: Floats) -> Floats:
    return values.astype("<f2").astype(np.float64)


def _ridged(kernel: Singles) -> Singles:
    ridged = kernel.copy()
    ridged[np.diag_indices_from(ridged)] += RIDGE * np.sqrt(len(kernel))
    return ridged


def _whole(weights: Floats) -> tuple[str, float]:
    """As whole numbers of one byte, and what 1 stands for."""
    unit = max(float(np.abs(weights).max()) / 127, 1e-12)
    return _encoded(np.round(weights / unit).astype(np.int8)), unit


def _encoded(values: NDArray[Any]) -> str:
    return base64.b64encode(values.tobytes()).decode()


def _calibration(gains: Floats, will_do: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Slope, intercept and mean prediction, fitted on gains of prompts that were held out; the fit
    to all is as sure of itself."""
    spread = max(float(gains.std()), 1e-9)
    standard = gains / spread
    # Two more grades, one of each kind, keep the figures finite where the models never differ.
    share = (will_do.sum() + 1) / (will_do.size + 2)

    def loss(parameters: Floats) -> float:
        scores = parameters[0] - parameters[1] * standard
        return float(np.logaddexp(0, np.where(will_do, -scores, scores)).mean())

    start = np.array([np.log(share / (1 - share)), 0.0])
    intercept, slope = start
    if will_do.any() and not will_do.all():
        bounds = ((-10, 10), (0, 10))
        intercept, slope = minimize(loss, start, method="L-BFGS-B", bounds=bounds).x
    usual = float((1 / (1 + np.exp(slope * standard - intercept))).mean())
    return round(float(slope) / spread, 5), round(float(intercept), 5), round(usual, 4)


def _comparison(
    rounds: Sequence[Floats], lengths: Floats, gains: Floats, draw: np.random.Generator
) -> Comparison:
    predictor = [average_gap_recovered(scores, gains) for scores in rounds]
    rule = average_gap_recovered(lengths, gains)
    leads = []
    for number in range(RESAMPLES):
        rows = draw.integers(0, gains.size, gains.size)
        ahead = average_gap_recovered(rounds[number % len(rounds)][rows], gains[rows])
        behind = average_gap_recovered(lengths[rows], gains[rows])
        if ahead is not None and behind is not None:
            leads.append(ahead - behind)
    known = [one for one in predictor if one is not None]
    # Where the gap all but vanishes in a resample, its recovered share is anything.
    if rule is None or not known or len(leads) < RESAMPLES:
        return Comparison(gains.size)
    return Comparison(gains.size, float(np.mean(known)), rule, float(np.std(leads)))
