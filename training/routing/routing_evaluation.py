"""Measures routing policies on per-model outcome files.

With one folder by cross-validation and by leaving a source out, with two by fitting on the one and
measuring on the other. Money is a float here: nothing is charged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.routing.outcomes import Outcomes, Prices, costs_usd, pooled, read_folder, read_prices
from training.routing.prompt_predictor import MOST_PROMPTS, Corpus, corpus_of
from training.routing.router_metrics import (
    aiq,
    apgr,
    call_curve,
    call_performance_threshold,
    nondecreasing_hull,
)
from training.routing.routing_policies import Router, asked_of, blind_router, fit_router

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]

FOLDS = 5
RESAMPLES = 300
"""Of the prompts, for standard errors."""
RANDOM_DRAWS = 200
LEAST_MODELS = 2
LEAST_ROWS = 20
"""To fit to; with fewer a policy knows the prices alone."""
NOTED_COSTS = (0.5, 1.0, 2.1)
"""USD per 1,000 queries at which the frontier's accuracy is reported."""
POOL = "pooled_"
LEADING_SEVEN = (
    "gpt-4o-2024-08-06",
    "gpt-4o-mini-2024-07-18",
    "claude-3-5-sonnet-20241022",
    "claude-3-5-haiku-20241022",
    "claude-3-opus-20240229",
    "llama-3-8b-instruct",
    "llama-3-70b-instruct",
)
"""Of the models of ZeroEval those with which the published reference points come out."""
NOTES = (
    "standard errors: bootstrap over the prompts",
    "usd_per_1000: list prices, tokens taken as characters / 4",
    "fast: no file tells latencies, so that the answer's expected length stands for them",
    "oracle: the cheapest model that is right, or the cheapest where none is",
    "apgr, cpt50, cpt80 after RouteLLM; cpt in percent of calls to the strong model",
    "aiq after RouterBench, over the costs from the cheapest to the best single model",
)


@dataclass(frozen=True)
class Routed:
    """What a router, or one per fold, chose for each prompt of `outcomes`.

    `frontier` and `length_frontier` have a row per setting, `scores` says of two models how much
    the prompt wants the strong one.
    """

    outcomes: Outcomes
    choices: dict[str, Positions]
    frontier: Positions
    length_frontier: Positions
    scores: Floats
    lengths: Floats


@dataclass(frozen=True)
class _Points:
    """Of a frontier: cost in USD per 1,000 queries and accuracy of each setting and prompt."""

    costs: Floats
    grades: Floats

    def means(self, weights: Floats) -> tuple[Floats, Floats]:
        return self.costs @ weights, self.grades @ weights


def evaluate_routing(train: Path, data: Path, plot: Path | None) -> dict[str, Any]:
    """The report as JSON values; draws it to `plot` too. Raises `MalformedRows`."""
    prices = read_prices(data, train)
    known = read_folder(train)
    if train.resolve() == data.resolve():
        report = _cross_validated(known, prices)
    else:
        report = _held_out(known, read_folder(data), prices)
    report = {"train": str(train), "data": str(data), **report, "notes": list(NOTES)}
    if plot is not None:
        from training.routing.routing_plot import draw_routing

        draw_routing(report, plot)
    return report


def _cross_validated(files: Sequence[Outcomes], prices: Prices) -> dict[str, Any]:
    subjects, skipped = _subjects(files, prices)
    results = {
        one.name: _report(_by_fold(one, prices), prices, _unpriced(one, files, prices))
        for one in subjects
    }
    return {
        "method": f"{FOLDS}-fold cross-validation",
        "results": results,
        "by_source": _by_source(subjects, prices),
        "skipped": skipped,
    }


def _held_out(
    known: Sequence[Outcomes], asked: Sequence[Outcomes], prices: Prices
) -> dict[str, Any]:
    subjects, skipped = _subjects(asked, prices)
    results = {}
    for subject in subjects:
        parts, models = _partners(subject, known)
        restricted = subject.of_models(models)
        routed = _fitted_on(parts, restricted, prices)
        results[subject.name] = {
            "fitted_on": [part.name for part in parts] or "nothing: no file shares its models",
            **_report(routed, prices, _unpriced(subject, asked, prices)),
        }
    return {"method": "held-out", "results": results, "by_source": {}, "skipped": skipped}


def _subjects(
    files: Sequence[Outcomes], prices: Prices
) -> tuple[list[Outcomes], list[dict[str, Any]]]:
    """Each file with its priced models, then the pools of files that share more than two."""
    subjects, skipped = [], []
    for one in files:
        models = [model for model in one.models if model in prices]
        if len(models) < LEAST_MODELS:
            skipped.append({"file": one.name, "reason": "fewer than two models have a price"})
        else:
            subjects.append(one.of_models(models))
    return subjects + _pools(subjects), skipped


def _pools(files: Sequence[Outcomes]) -> list[Outcomes]:
    pools = []
    seven = [one for one in files if set(LEADING_SEVEN) <= set(one.models)]
    if seven:
        pools.append(pooled(f"{POOL}seven_models", seven, LEADING_SEVEN))
    for models in dict.fromkeys(one.models for one in files):
        parts = [one for one in files if one.models == models]
        if len(parts) > 1 and len(models) > LEAST_MODELS:
            pools.append(pooled(f"{POOL}{len(models)}_models", parts, models))
    return pools


def _partners(
    subject: Outcomes, known: Sequence[Outcomes]
) -> tuple[list[Outcomes], tuple[str, ...]]:
    """The training files to fit on, and the models that all of them share with the subject.

    Of the same name or with rows of its tasks; else all that share as many models as any does; else
    none, and all the subject's models.
    """

    def shared(part: Outcomes) -> tuple[str, ...]:
        return tuple(model for model in subject.models if model in part.models)

    tasks = set(subject.tasks)
    parts = [one for one in known if one.name == subject.name or tasks & set(one.tasks)]
    models = tuple(model for model in subject.models if all(model in part.models for part in parts))
    if not parts or len(models) < LEAST_MODELS:
        models = max((shared(one) for one in known), key=len, default=())
        parts = [one for one in known if set(models) <= set(one.models)]
    if len(models) < LEAST_MODELS:
        return [], subject.models
    return parts, models


def _by_fold(outcomes: Outcomes, prices: Prices) -> Routed:
    outcomes = _capped(outcomes)
    corpus = corpus_of(outcomes.prompts)
    products = corpus.products()
    folds = folds_of(outcomes.prompts)
    parts, order = [], []
    for fold in range(FOLDS):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if inside.size < LEAST_ROWS or not outside.size:
            continue
        router = fit_router(
            outcomes.of_rows(inside),
            corpus.rows(inside),
            products[np.ix_(inside, inside)],
            prices,
        )
        parts.append(_routed(router, outcomes.of_rows(outside), corpus.rows(outside)))
        order.append(outside)
    if not parts:
        return _routed(blind_router(outcomes, prices), outcomes, corpus)
    places = np.sort(np.concatenate(order))
    return _joined(outcomes.of_rows(places), parts, np.concatenate(order))


def folds_of(prompts: Sequence[str]) -> Positions:
    """The fold of each prompt, by its hash: the same prompt is never on both sides."""
    hashes = [hashlib.sha256(prompt.strip().encode("utf-8", "surrogatepass")) for prompt in prompts]
    return np.array([int.from_bytes(one.digest()[:8], "big") % FOLDS for one in hashes])


def _by_source(subjects: Sequence[Outcomes], prices: Prices) -> dict[str, Any]:
    """Each file measured by what is fitted to the other files of the same models."""
    files = [one for one in subjects if not one.name.startswith(POOL)]
    transfers = {}
    for one in files:
        others = [other for other in files if other.name != one.name and other.models == one.models]
        if others:
            transfers[one.name] = {
                "fitted_on": [other.name for other in others],
                **_report(_fitted_on(others, one, prices), prices, []),
            }
    return transfers


def _fitted_on(parts: Sequence[Outcomes], outcomes: Outcomes, prices: Prices) -> Routed:
    corpus = corpus_of(outcomes.prompts)
    known = [_unseen(part, outcomes) for part in parts]
    if sum(part.size for part in known) < LEAST_ROWS:
        return _routed(blind_router(outcomes, prices), outcomes, corpus)
    rows = _capped(pooled("train", known, outcomes.models))
    fitted = corpus_of(rows.prompts)
    return _routed(fit_router(rows, fitted, fitted.products(), prices), outcomes, corpus)


def _unseen(known: Outcomes, asked: Outcomes) -> Outcomes:
    """Without the prompts that are asked about."""
    prompts = {prompt.strip() for prompt in asked.prompts}
    kept = [row for row, prompt in enumerate(known.prompts) if prompt.strip() not in prompts]
    return known.of_rows(np.array(kept, np.int64))


def _capped(outcomes: Outcomes) -> Outcomes:
    if outcomes.size <= MOST_PROMPTS:
        return outcomes
    return outcomes.of_rows(np.linspace(0, outcomes.size - 1, MOST_PROMPTS).astype(np.int64))


def _routed(router: Router, outcomes: Outcomes, corpus: Corpus) -> Routed:
    asked = asked_of(outcomes, corpus)
    return Routed(
        outcomes=outcomes,
        choices=router.choices(asked),
        frontier=np.array(router.frontier(asked)),
        length_frontier=np.array(router.length_frontier(asked)),
        scores=router.needs_of_strong(asked),
        lengths=asked.lengths,
    )


def _joined(outcomes: Outcomes, parts: Sequence[Routed], order: Positions) -> Routed:
    """The folds' parts in the order of the rows."""
    back = np.argsort(order)

    def rows(values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(values, axis=-1)[..., back]

    return Routed(
        outcomes=outcomes,
        choices={name: rows([part.choices[name] for part in parts]) for name in parts[0].choices},
        frontier=rows([part.frontier for part in parts]),
        length_frontier=rows([part.length_frontier for part in parts]),
        scores=rows([part.scores for part in parts]),
        lengths=rows([part.lengths for part in parts]),
    )


def _unpriced(subject: Outcomes, files: Sequence[Outcomes], prices: Prices) -> list[str]:
    tasks = set(subject.tasks)
    models = {model for one in files if tasks & set(one.tasks) for model in one.models}
    return sorted(model for model in models if model not in prices)


def _report(routed: Routed, prices: Prices, unpriced: Sequence[str]) -> dict[str, Any]:
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
