"""Published measures of a router, written anew from their definitions.

Of routing between two models: RouteLLM (Ong et al., 2024, arXiv:2406.18665), as computed in
lm-sys/RouteLLM `routellm/evals/benchmarks.py` and `routellm/evals/evaluate.py`. Of routing among
many: RouterBench (Hu et al., 2024, arXiv:2403.12031), as computed in withmartian/routerbench
`evaluation/AIQ.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESULTS = 10
"""Thresholds of a call curve, as many as RouteLLM's `--num-results` by default, and one more."""


@dataclass(frozen=True)
class CallCurve:
    """Accuracy against the share of prompts that the strong model answers, both in [0, 1]."""

    strong_shares: Floats
    accuracies: Floats
    weak_accuracy: float
    strong_accuracy: float

    @property
    def gap(self) -> float:
        return self.strong_accuracy - self.weak_accuracy


def call_curve(scores: Floats, weak: Floats, strong: Floats) -> CallCurve:
    """Routes prompts with a high score to the strong model, at every decile of the scores.

    A prompt at the threshold goes to the strong model, save at the highest threshold, where none
    does (`MMLU.evaluate` in RouteLLM). Prompts with equal scores go the same way.
    """
    shares, accuracies = [], []
    # Tenths made by division: those of a linspace are off by a bit, which moves whole thresholds.
    thresholds = np.quantile(scores, np.arange(RESULTS + 1) / RESULTS)
    for number, threshold in enumerate(thresholds):
        to_strong = scores > threshold if number == RESULTS else scores >= threshold
        shares.append(to_strong.mean())
        accuracies.append(np.where(to_strong, strong, weak).mean())
    order = np.argsort(shares, kind="stable")
    return CallCurve(
        np.array(shares)[order],
        np.array(accuracies)[order],
        float(weak.mean()),
        float(strong.mean()),
    )


def apgr(curve: CallCurve) -> float | None:
    """Average performance gap recovered: the area between the curve and the weak model's accuracy
    over that between both models' (`apgr_metric` in RouteLLM). A draw gives 0.5 on average, None
    where the strong model is no better."""
    if curve.gap <= 0:
        return None
    area = np.trapezoid(curve.accuracies, curve.strong_shares)
    width = curve.strong_shares[-1] - curve.strong_shares[0]
    if width <= 0:
        return None
    return float((area - curve.weak_accuracy * width) / (curve.gap * width))


def call_performance_threshold(curve: CallCurve, share: float) -> float | None:
    """CPT: the percentage of calls to the strong model at which this share of the gap between the
    models is recovered, between thresholds by interpolation (`pct_call_metric` in RouteLLM)."""
    if curve.gap <= 0:
        return None
    wanted = curve.weak_accuracy + share * curve.gap
    return float(100 * np.interp(wanted, curve.accuracies, curve.strong_shares))


def average_gap_recovered(scores: Floats, gains: Floats) -> float | None:
    """APGR with a threshold at every prompt: the limit of `apgr` for many thresholds, and cheaper
    to resample. Prompts with equal scores count as if they were drawn in any order."""
    total = gains.sum()
    if total <= 0:
        return None
    values, groups = np.unique(-scores, return_inverse=True)
    sizes = np.bincount(groups, minlength=values.size)
    won = np.bincount(groups, gains, values.size)
    before = np.cumsum(won) - won
    return float((sizes * (before + won / 2)).sum() / (total * gains.size))


def nondecreasing_hull(costs: Floats, qualities: Floats) -> tuple[Floats, Floats]:
    """The least concave curve above the points, without what falls again at higher cost
    (`get_non_descreasing_convex_hull_of` in RouterBench); over the models alone it is the zero
    router's, which mixes models at random without reading the prompt."""
    hull: list[tuple[float, float]] = []
    order = np.lexsort((-qualities, costs))
    for cost, quality in zip(costs[order], qualities[order], strict=True):
        if hull and quality <= hull[-1][1]:
            continue
        while len(hull) > 1 and _is_below(hull[-2], hull[-1], (cost, quality)):
            hull.pop()
        hull.append((float(cost), float(quality)))
    return np.array([cost for cost, _ in hull]), np.array([quality for _, quality in hull])


def _is_below(
    first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]
) -> bool:
    rise, run = last[1] - first[1], last[0] - first[0]
    return (middle[1] - first[1]) * run <= rise * (middle[0] - first[0])


def aiq(costs: Floats, qualities: Floats, lowest: float, highest: float) -> float | None:
    """Average improvement in quality: the mean of the hull over a range of costs.

    Beyond the last point the hull stays level, before the first it is 0, since no such cheap
    choice exists (`calc_AIQ` in RouterBench). RouterBench's range begins at no cost; here it is
    the given one, as in the paper's definition. None where the range is empty.
    """
    if highest <= lowest:
        return None
    xs, ys = nondecreasing_hull(costs, qualities)
    inner = xs[(xs > lowest) & (xs < highest)]
    start = max(lowest, float(xs[0]))
    if start >= highest:
        return 0.0
    grid = np.concatenate(([start], inner[inner > start], [highest]))
    return float(np.trapezoid(np.interp(grid, xs, ys), grid) / (highest - lowest))
