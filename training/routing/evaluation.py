"""Measures routing policies on per-model outcome files.

With one folder by cross-validation and by leaving a source out, with two by fitting on the one and
measuring on the other. Money is a float here: nothing is charged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.routing.outcomes import Outcomes, Prices, pooled, read_folder, read_prices
from training.routing.report import LEAST_MODELS, report_on
from training.routing.routed import FOLDS, fitted_on, routed_by_fold

POOL = "pooled_"
LEADING_SEVEN = (
    "gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", "claude-3-5-sonnet-20241022",
    "claude-3-5-haiku-20241022", "claude-3-opus-20240229",
    "llama-3-8b-instruct", "llama-3-70b-instruct",
)  # fmt: skip
"""Of the models of ZeroEval those with which the published reference points come out."""
NOTES = (
    "standard errors: bootstrap over the prompts",
    "usd_per_1000: list prices, tokens taken as characters / 4",
    "fast: no file tells latencies, so that the answer's expected length stands for them",
    "oracle: the cheapest model that is right, or the cheapest where none is",
    "apgr, cpt50, cpt80 after RouteLLM; cpt in percent of calls to the strong model",
    "aiq after RouterBench, over the costs from the cheapest to the best single model",
)


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
        from training.routing.plot import draw_routing

        draw_routing(report, plot)
    return report


def _cross_validated(files: Sequence[Outcomes], prices: Prices) -> dict[str, Any]:
    subjects, skipped = _subjects(files, prices)
    results = {
        one.name: report_on(routed_by_fold(one, prices), prices, _unpriced(one, files, prices))
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
        routed = fitted_on(parts, restricted, prices)
        results[subject.name] = {
            "fitted_on": [part.name for part in parts] or "nothing: no file shares its models",
            **report_on(routed, prices, _unpriced(subject, asked, prices)),
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


def _by_source(subjects: Sequence[Outcomes], prices: Prices) -> dict[str, Any]:
    """Each file measured by what is fitted to the other files of the same models."""
    files = [one for one in subjects if not one.name.startswith(POOL)]
    transfers = {}
    for one in files:
        others = [other for other in files if other.name != one.name and other.models == one.models]
        if others:
            transfers[one.name] = {
                "fitted_on": [other.name for other in others],
                **report_on(fitted_on(others, one, prices), prices, []),
            }
    return transfers


def _unpriced(subject: Outcomes, files: Sequence[Outcomes], prices: Prices) -> list[str]:
    tasks = set(subject.tasks)
    models = {model for one in files if tasks & set(one.tasks) for model in one.models}
    return sorted(model for model in models if model not in prices)
