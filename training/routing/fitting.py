"""Turns graded answers into a routing policy: a quality per model and task, and predictors."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from functions.shared.catalogue.models import TASKS, Catalogue, load_catalogue
from functions.shared.policy import routing_policy as policy_module
from functions.shared.policy.routing_policy import Policy
from training.data import MalformedRows
from training.routing.grades import (
    LARGEST_WEIGHT,
    Grade,
    Grades,
    outcome_files,
    read_log,
    read_outcome_file,
)
from training.routing.pairs import fit_predictors
from training.routing.qualities import DIGITS, NO_GRADES, Posterior, fit_prior, tally_of
from training.routing.replay import blamed_on, named_policy
from training.routing.request_rows import row_source

PERIOD = "30d"
LEAST_GRADES = 30
"""Of a task, or its qualities stay the catalogue's."""


def fit_policy(
    grades: Grades, catalogue: Catalogue, base: Policy, name: str
) -> tuple[Policy, dict[str, Any]]:
    """The policy and the report. Weights and the share of exploration are the base's.

    Raises `MalformedRows` where no task has enough grades, or the name is none.
    """
    tasks: dict[str, Any] = {}
    quality: dict[str, dict[str, Any]] = defaultdict(dict)
    for task in sorted({one.task for one in grades.kept}):
        tasks[task] = _fit_task(task, grades.kept, catalogue, quality)
    if not quality:
        raise MalformedRows(_too_few(tasks, grades))
    predictors, pairs = fit_predictors(grades.kept, catalogue)
    fields = base.model_dump(mode="json") | {"name": name, "quality": quality}
    fields["predictors"] = [one.model_dump(mode="json") for one in predictors]
    with blamed_on(f"policy {name}"):
        policy = Policy.model_validate(fields)
    weight = f"1 / propensity, at most {LARGEST_WEIGHT:g}"
    report = {
        "policy": policy.version,
        "base": base.version,
        "grades": len(grades.kept),
        "skipped": dict(sorted(grades.skipped.items())),
        "unknown_models": dict(sorted(grades.unknown_models.items())),
        "exploration": {"weighted": grades.weighted, "weight": weight, "cut": grades.cut},
        "tasks": tasks,
        "predictors": pairs,
    }
    return policy, report


def _too_few(tasks: Mapping[str, Any], grades: Grades) -> str:
    counts = ", ".join(f"{task} {one['grades']}" for task, one in tasks.items()) or "none"
    text = f"no task has {LEAST_GRADES} grades of the catalogue's models: {counts}"
    left_out = [f"{count} {reason}" for reason, count in sorted(grades.skipped.items())]
    return f"{text}; left out: {', '.join(left_out)}" if left_out else text


def _fit_task(
    task: str, kept: list[Grade], catalogue: Catalogue, into: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """The report on the task; the qualities of all models that serve it go `into` the table."""
    by_model: dict[str, list[Grade]] = defaultdict(list)
    for one in kept:
        if one.task == task:
            by_model[one.model].append(one)
    tallies = {model: tally_of(found) for model, found in by_model.items()}
    count = sum(one.count for one in tallies.values())
    if count < LEAST_GRADES:
        return {"grades": count, "fitted": False, "why_not": f"under {LEAST_GRADES} grades"}
    publics = {one.id: one.quality[task] for one in catalogue.models if task in one.quality}
    prior = fit_prior(publics, tallies)
    models = {}
    for model, public in publics.items():
        tally = tallies.get(model, NO_GRADES)
        mapped = prior.line.prior(public)
        posterior = Posterior.of(mapped, prior.pseudo_grades, tally)
        fitted = {"quality": posterior.quality, "sd": posterior.sd}
        into[model][task] = fitted | {"grades": tally.count}
        if tally.count:
            models[model] = {
                "grades": tally.count,
                "effective_grades": round(tally.effective, 1),
                "mean": round(tally.mean, DIGITS),
                "public": public,
                "prior": round(mapped, DIGITS),
                **fitted,
            }
    line = {"a": round(prior.line.intercept, DIGITS), "b": round(prior.line.slope, DIGITS)}
    return {
        "grades": count,
        "fitted": True,
        "log_odds_line": line,
        "prior_is_worth_grades": round(prior.pseudo_grades, 1),
        "worth_is_estimated": prior.estimated,
        "models_without_grades": len(publics) - len(models),
        "models": models,
    }


def run_fit_routing(arguments: argparse.Namespace) -> int:
    """Writes the policy and prints the report. Raises `MalformedRows` and `OSError`."""
    catalogue = load_catalogue()
    base = named_policy(arguments.base)
    ids = _ids(arguments.model_id)
    if arguments.task and arguments.task not in TASKS:
        raise MalformedRows(f"--task {arguments.task}: say one of {', '.join(sorted(TASKS))}")
    grades = Grades()
    if arguments.rows or arguments.table or arguments.since or not arguments.outcomes:
        rows = row_source(arguments, PERIOD).rows(only_graded=True)
        read_log(rows, grades, catalogue, mock=arguments.include_mock)
    for path in outcome_files(arguments.outcomes):
        read_outcome_file(path, grades, catalogue, arguments.task, ids, mock=arguments.include_mock)
    policy, report = fit_policy(grades, catalogue, base, arguments.name)
    folder = Path(policy_module.__file__).with_name("policies")
    out = arguments.out or folder / f"{policy.name}.json"
    write_policy(policy, out)
    print(json.dumps({"file": str(out), **report}, indent=1))
    return 0


def _ids(given: Iterable[str]) -> dict[str, str]:
    """`NAME=ID` by name. Raises `MalformedRows`."""
    pairs = [one.partition("=") for one in given]
    for name, equals, model_id in pairs:
        if not name or not equals or not model_id:
            raise MalformedRows(f"--model-id {name}{equals}{model_id}: say NAME=ID")
    return {name: model_id for name, _, model_id in pairs}


def write_policy(policy: Policy, path: Path) -> None:
    """In one step, and the same bytes for the same policy."""
    text = json.dumps(policy.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"
    draft = path.parent / f"{path.name}.draft"
    try:
        draft.write_text(text, "utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
