"""Fits, on held-out rows, what turns scores into honest probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from training.local_models.evaluation import Judged
from training.local_models.linear import Floats, Labels

FIRST_THRESHOLD = 40
"""Hundredths; with three labels less is hardly more than a guess."""


def temperature_of(logs: Floats, gold: Labels, weights: Floats) -> float:
    """Divided by it, the log-probabilities fit the gold labels best."""

    def loss(temperature: float) -> float:
        fitted = log_softmax(logs / temperature, axis=1)[np.arange(gold.size), gold]
        return float(-(weights * fitted).sum())

    return round(float(minimize_scalar(loss, bounds=(0.3, 5), method="bounded").x), 3)


def decision_of(
    learned: Floats, cues: Floats, gold: Labels, weights: Floats
) -> tuple[float, float, list[float]]:
    """How much the learned log-probabilities and the cue words count, and each label's bias."""
    count = learned.shape[1]

    def loss(parameters: Floats) -> float:
        scores = parameters[0] * learned + parameters[1] * cues + parameters[2:]
        fitted = log_softmax(scores, axis=1)[np.arange(gold.size), gold]
        return float(-(weights * fitted).sum() / weights.sum())

    found = minimize(loss, np.array([1.0, 0.5, *[0.0] * count]), method="L-BFGS-B").x
    found[2:] -= found[2:].mean()
    learned_share, cue_share, *bias = (round(float(one), 3) for one in found)
    return learned_share, cue_share, bias


def threshold_of(judged: Sequence[Judged], weights: Floats, *, target: float) -> float:
    """The lowest confidence, in hundredths, from which on this accuracy is met."""
    confidence = np.array([one.prediction.confidence for one in judged])
    is_right = np.array([one.is_right for one in judged])
    for hundredths in range(FIRST_THRESHOLD, 100):
        kept: NDArray[np.bool_] = confidence >= hundredths / 100
        if kept.any() and np.average(is_right[kept], weights=weights[kept]) >= target:
            return hundredths / 100
    return 0.99
