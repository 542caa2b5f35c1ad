"""The figures of what was routed: of each policy, of the frontier, and of a pair of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.routing.metrics import (
    aiq,
    apgr,
    call_curve,
    call_performance_threshold,
    nondecreasing_hull,
)
from training.routing.outcomes import Prices, costs_usd
from training.routing.routed import Routed

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]

RESAMPLES = 300
"""Of the prompts, for standard errors."""
RANDOM_DRAWS = 200
LEAST_MODELS = 2
NOTED_COSTS = (0.5, 1.0, 2.1)
"""USD per 1,000 queries at which the frontier's accuracy is reported."""


@dataclass(frozen=True)
class _Points:
    """Of a frontier: cost in USD per 1,000 queries and accuracy of each setting and prompt."""

    costs: Floats
    grades: Floats

    def means(self, weights: Floats) -> tuple[Floats, Floats]:
        return self.costs @ weights, self.grades @ weights


def report_on(routed: Routed, prices: Prices, unpriced: Sequence[str]) -> dict[str, Any]:
    outcomes = routed.outcomes
    costs = 1000 * costs_usd(outcomes, prices)
    report: dict[str, Any] = {
        "rows": outcomes.size,
        "rows_left_out": outcomes.rows_left_out,
        "answer_lengths": "told" if outcomes.tells_answer_lengths else "assumed",
        "models": {
            model: {"accuracy": _rounded(grade), "usd_per_1000": _rounded(cost)}
            for model, grade, cost in zip(
                outcomes.models, outcomes.grades.mean(axis=0), costs.mean(axis=0), strict=True
            )
        },
        "models_without_price": list(unpriced),
        "policies": _policies(routed, costs),
        "frontier": _frontier_report(routed, costs),
    }
    if len(outcomes.models) == LEAST_MODELS:
        report["pair"] = _pair_report(routed, costs)
    report["not_below_random"] = _is_not_below_random(report)
    return report


def _policies(routed: Routed, costs: Floats) -> dict[str, Any]:
    grades = routed.outcomes.grades
    rows = np.arange(len(grades))
    table = {
        name: _measured(grades[rows, columns], costs[rows, columns])
        for name, columns in routed.choices.items()
    }
    right = np.where(grades >= grades.max(axis=1, keepdims=True), costs, np.inf)
    right[grades.max(axis=1) <= 0] = costs[grades.max(axis=1) <= 0]
    oracle = right.argmin(axis=1)
    return {
        **table,
        "uniform_random": _measured(grades.mean(axis=1), costs.mean(axis=1)),
        "oracle": _measured(grades[rows, oracle], costs[rows, oracle]),
    }


def _measured(grades: Floats, costs: Floats) -> dict[str, float]:
    return {
        "accuracy": _rounded(grades.mean()),
        "standard_error": _rounded(grades.std() / np.sqrt(grades.size)),
        "usd_per_1000": _rounded(costs.mean()),
    }


def _frontier_report(routed: Routed, costs: Floats) -> dict[str, Any]:
    grades = routed.outcomes.grades
    everything = np.full(len(grades), 1 / len(grades))
    ours = _points(routed.frontier, grades, costs)
    by_length = _points(routed.length_frontier, grades, costs)
    # The zero router mixes models without reading the prompt: its frontier is of single models.
    zero = _Points(costs.T, grades.T)
    columns = {name: rows[0] for name, rows in routed.choices.items() if (rows == rows[0]).all()}
    best = columns.get("best_single", int(np.bincount(routed.choices["best_single"]).argmax()))
    cheapest = int(costs.mean(axis=0).argmin())

    def areas(weights: Floats) -> dict[str, float | None]:
        lowest, highest = float(costs[:, cheapest] @ weights), float(costs[:, best] @ weights)
        frontiers = {"zero_router": zero, "ours": ours, "length_rule": by_length}
        return {name: aiq(*one.means(weights), lowest, highest) for name, one in frontiers.items()}

    found = areas(everything)
    samples = [areas(weights) for weights in _resamples(len(grades))]
    lead, error = _lead(found, samples, "ours", "zero_router")
    hull_costs, hull_grades = nondecreasing_hull(*ours.means(everything))
    zero_costs, zero_grades = nondecreasing_hull(*zero.means(everything))
    return {
        "usd_per_1000_from": _rounded(costs[:, cheapest].mean()),
        "usd_per_1000_to": _rounded(costs[:, best].mean()),
        "aiq": {name: _rounded(area) for name, area in found.items()},
        "aiq_standard_error": {name: _rounded(_spread(samples, name)) for name in found},
        "ours_over_zero_router": _rounded(lead),
        "ours_over_zero_router_standard_error": _rounded(error),
        "accuracy_at_usd": {
            f"{cost:.2f}": _rounded(np.interp(cost, hull_costs, hull_grades))
            for cost in NOTED_COSTS
            if hull_costs[0] <= cost
        },
        "points": _pairs_of(*_without_repeats(*ours.means(everything))),
        "hull": _pairs_of(hull_costs, hull_grades),
        "zero_router_hull": _pairs_of(zero_costs, zero_grades),
    }


def _points(frontier: Positions, grades: Floats, costs: Floats) -> _Points:
    rows = np.arange(len(grades))
    return _Points(
        np.array([costs[rows, columns] for columns in frontier]),
        np.array([grades[rows, columns] for columns in frontier]),
    )


def _resamples(rows: int) -> list[Floats]:
    draw = np.random.default_rng(0)
    shares = np.full(rows, 1 / rows)
    return [draw.multinomial(rows, shares) / rows for _ in range(RESAMPLES)]


def _spread(samples: Sequence[dict[str, float | None]], name: str) -> float | None:
    known = [value for one in samples if (value := one[name]) is not None]
    return float(np.std(known)) if known else None


def _lead(
    found: dict[str, float | None],
    samples: Sequence[dict[str, float | None]],
    first: str,
    second: str,
) -> tuple[float | None, float | None]:
    ahead, behind = found[first], found[second]
    if ahead is None or behind is None:
        return None, None
    leads = [
        one - other
        for sample in samples
        if (one := sample[first]) is not None and (other := sample[second]) is not None
    ]
    return ahead - behind, float(np.std(leads))


def _pair_report(routed: Routed, costs: Floats) -> dict[str, Any]:
    """The dearer model is the strong one."""
    weak = int(costs.mean(axis=0).argmin())
    grades = routed.outcomes.grades
    grade_pair = grades[:, weak], grades[:, 1 - weak]
    draw = np.random.default_rng(0)
    drawn = [
        _pair_measures(draw.random(len(grades)), *grade_pair, with_error=False)
        for _ in range(RANDOM_DRAWS)
    ]
    random: dict[str, Any] = {
        name: _mean([one[name] for one in drawn]) for name in ("apgr", "cpt50", "cpt80")
    }
    known = [one["apgr"] for one in drawn if one["apgr"] is not None]
    random["standard_error"] = _rounded(np.std(known)) if known else None
    return {
        "weak": routed.outcomes.models[weak],
        "strong": routed.outcomes.models[1 - weak],
        "random": random,
        "length_rule": _pair_measures(routed.lengths, *grade_pair),
        "ours": _pair_measures(routed.scores, *grade_pair),
        "ours_over_length_rule": _pair_lead(routed, *grade_pair),
    }


def _pair_measures(
    scores: Floats, weak: Floats, strong: Floats, *, with_error: bool = True
) -> dict[str, Any]:
    curve = call_curve(scores, weak, strong)
    measures: dict[str, Any] = {
        "apgr": _rounded(apgr(curve)),
        "cpt50": _rounded(call_performance_threshold(curve, 0.5)),
        "cpt80": _rounded(call_performance_threshold(curve, 0.8)),
    }
    if with_error:
        samples = [
            apgr(call_curve(scores[rows], weak[rows], strong[rows]))
            for rows in _rows_drawn(scores.size)
        ]
        known = [one for one in samples if one is not None]
        measures["standard_error"] = _rounded(np.std(known)) if known else None
        measures["curve"] = _pairs_of(100 * curve.strong_shares, curve.accuracies)
    return measures


def _pair_lead(routed: Routed, weak: Floats, strong: Floats) -> dict[str, Any]:
    def lead(rows: Positions) -> float | None:
        ours = apgr(call_curve(routed.scores[rows], weak[rows], strong[rows]))
        rule = apgr(call_curve(routed.lengths[rows], weak[rows], strong[rows]))
        return None if ours is None or rule is None else ours - rule

    known = [one for rows in _rows_drawn(weak.size) if (one := lead(rows)) is not None]
    return {
        "apgr": _rounded(lead(np.arange(weak.size))),
        "standard_error": _rounded(np.std(known)) if known else None,
    }


def _rows_drawn(rows: int) -> list[Positions]:
    draw = np.random.default_rng(0)
    return [draw.integers(0, rows, rows) for _ in range(RESAMPLES)]


def _is_not_below_random(report: dict[str, Any]) -> bool:
    """Within two standard errors: of a pair by APGR, of more models by AIQ against the zero router,
    which is what drawing among the best models gives."""
    if "pair" in report:
        ours = report["pair"]["ours"]
        lead = None if ours["apgr"] is None else ours["apgr"] - 0.5
        error = ours["standard_error"]
    else:
        frontier = report["frontier"]
        lead = frontier["ours_over_zero_router"]
        error = frontier["ours_over_zero_router_standard_error"]
    return lead is None or error is None or bool(lead >= -2 * error)


def _without_repeats(xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
    kept: Floats = np.unique(np.round(np.column_stack((xs, ys)), 6), axis=0)
    return kept[:, 0], kept[:, 1]


def _pairs_of(xs: Floats, ys: Floats) -> list[list[float]]:
    return [[round(float(x), 4), round(float(y), 4)] for x, y in zip(xs, ys, strict=True)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return _rounded(np.mean(known)) if known else None


def _rounded(value: Any) -> Any:
    return None if value is None else round(float(value), 4)
