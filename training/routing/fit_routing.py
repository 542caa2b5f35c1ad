"""Turns graded answers into a routing policy: a quality per model and task, and predictors.

A public ranking orders models, but is on no scale of one's own grades. So for each task

1. the line `grade = a + b * public` is fitted through the models that have grades, both sides on
   the scale of log-odds (`fit_line`);
2. every model's prior is its place on that line, worth `k` grades (`fit_prior`);
3. its quality is the mean of the Beta posterior, `(k * prior + sum of grades) / (k + n)`.

A line through the figures themselves would leave [0, 1] where only weak models are graded, and
make all strong ones alike at its end; log-odds keep the ranking's order.

This is empirical Bayes for rates as in Efron and Morris, "Stein's Paradox in Statistics" (1977), with
the Beta-binomial model of Griffiths, "Maximum likelihood estimation for the beta-binomial
distribution" (Biometrics 29, 1973), and a regression for the prior mean.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from functions.shared.catalogue.models import TASKS, Catalogue, load_catalogue
from functions.shared.catalogue.pricing import UnpricedModel, estimated_nano_usd
from functions.shared.policy import routing_policy as policy_module
from functions.shared.policy.prompt_predictor import PromptPredictor
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
from training.routing.replay import first_fault, named_policy
from training.routing.request_rows import row_source

PERIOD = "30d"
LEAST_GRADES = 30
"""Of a task, or its qualities stay the catalogue's."""
INTERCEPT_RIDGE, SLOPE_RIDGE = 0.25, 4.0
"""How strongly a line is drawn to a = 0, b = 1: as by a normal prior with the standard deviations 2
and 0.5. Tasks are far more or less hard than a ranking says, but hardly order models otherwise."""
_PUBLIC_MARGIN = 0.02
"""Kept from 0 and 1, where log-odds have no end."""

PSEUDO_GRADES = 20.0
"""Of a prior, where there are too few models to tell how far they lie from their line."""
LEAST_MODELS, LEAST_GRADES_OF_MODEL = 4, 10
"""So many models with so many grades each are enough to tell."""
PSEUDO_GRADES_SPREAD = 1.0
"""Standard deviation of the logarithm of `k` about that of PSEUDO_GRADES, before the data."""
_TRIED_PSEUDO_GRADES = tuple(2.0 * 10 ** (step / 20) for step in range(61))
"""From 2 to 2000."""
_LEAST_PRIOR = 0.001
"""A Beta distribution needs a mean within (0, 1)."""

LEAST_SHARED_PROMPTS = 300
"""Graded for both models of a pair, or nothing is predicted from prompts."""
_PRICED_TOKENS = (1_000, 500)
"""Input and output of the call by which the cheaper model of a pair is told."""
_DIGITS = 4


@dataclass(frozen=True)
class Tally:
    """The grades of one model at one task: how many, as how many equally weighted ones they count,
    and the sum of so many."""

    count: int
    effective: float
    total: float

    @property
    def mean(self) -> float:
        return self.total / self.effective


@dataclass(frozen=True)
class Line:
    """Of the log-odds of grades over those of public figures; (0, 1) is the public scale itself."""

    intercept: float
    slope: float

    def prior(self, public: float) -> float:
        """The expected grade, kept within what a Beta distribution can have as its mean."""
        at = 1 / (1 + math.exp(-self.intercept - self.slope * _public_log_odds(public)))
        return min(1 - _LEAST_PRIOR, max(_LEAST_PRIOR, at))


@dataclass(frozen=True)
class Prior:
    """The line of a task, and how many grades a model's place on it is worth."""

    line: Line
    pseudo_grades: float
    estimated: bool


@dataclass(frozen=True)
class Posterior:
    """Mean and standard deviation of Beta(k * prior + S, k * (1 - prior) + n - S), for `n` grades
    with the sum `S`. A grade between 0 and 1 counts as that part of a success: its spread is less
    than a coin's of the same mean, so that the deviation is rather too large than too small."""

    quality: float
    sd: float

    @classmethod
    def of(cls, prior: float, pseudo_grades: float, tally: Tally) -> Posterior:
        weight = pseudo_grades + tally.effective
        mean = (pseudo_grades * prior + tally.total) / weight
        mean = min(1.0, max(0.0, mean))
        return cls(
            round(mean, _DIGITS), round(math.sqrt(mean * (1 - mean) / (weight + 1)), _DIGITS)
        )


NO_GRADES = Tally(0, 0.0, 0.0)


def tally_of(grades: Iterable[Grade]) -> Tally:
    """The mean weighted by inverse propensities (Swaminathan and Joachims, "The self-normalized
    estimator for counterfactual learning", 2015: `sum(w * grade) / sum(w)`), held by as many grades
    as Kish's effective sample size says, `sum(w) ** 2 / sum(w ** 2)`.

    A sum does not depend on the order of the grades.
    """
    known = list(grades)
    if not known:
        return NO_GRADES
    weight = math.fsum(one.weight for one in known)
    effective = weight**2 / math.fsum(one.weight**2 for one in known)
    mean = math.fsum(one.weight * one.score for one in known) / weight
    return Tally(len(known), effective, effective * mean)


def fit_line(
    publics: Mapping[str, float], tallies: Mapping[str, Tally], pseudo_grades: float
) -> Line:
    """Minimises `sum(w * (z - a - b * x) ** 2) + r * a ** 2 + s * (b - 1) ** 2` with b >= 0 over the
    models with grades; `x` are the log-odds of the public figure, `z` those of the mean grade
    `p = (S + 1/2) / (n + 1)` (the empirical logit of Cox, "Analysis of Binary Data", 1970).

    `w = p * (1 - p) * n * k / (n + k)`: about the line a model's `z` varies as 1 / n by chance and
    as 1 / k by the model's own nature, both over p * (1 - p), and beyond k grades more of them say
    no more of the line. (Ridge regression of Hoerl and Kennard, 1970, towards a point; weights as
    in a random-effects meta-analysis, DerSimonian and Laird, 1986.)
    """
    known = [
        _point(publics[model], one, pseudo_grades)
        for model, one in sorted(tallies.items())
        if one.count
    ]
    w = INTERCEPT_RIDGE + math.fsum(weight for weight, _, _ in known)
    wx = math.fsum(weight * x for weight, x, _ in known)
    wxx = SLOPE_RIDGE + math.fsum(weight * x**2 for weight, x, _ in known)
    wz = math.fsum(weight * z for weight, _, z in known)
    wxz = SLOPE_RIDGE + math.fsum(weight * x * z for weight, x, z in known)
    slope = (w * wxz - wx * wz) / (w * wxx - wx**2)
    if slope <= 0:
        return Line(wz / w, 0.0)
    return Line((wz - slope * wx) / w, slope)


def _point(public: float, tally: Tally, pseudo_grades: float) -> tuple[float, float, float]:
    """Weight and coordinates of a model with grades."""
    share = (tally.total + 0.5) / (tally.effective + 1)
    worth = tally.effective * pseudo_grades / (tally.effective + pseudo_grades)
    return worth * share * (1 - share), _public_log_odds(public), _log_odds(share)


def _public_log_odds(public: float) -> float:
    """The figures 0 and 1 have places of their own, too, and no others' order is lost."""
    return _log_odds(_PUBLIC_MARGIN + (1 - 2 * _PUBLIC_MARGIN) * public)


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def fit_prior(publics: Mapping[str, float], tallies: Mapping[str, Tally]) -> Prior:
    """The `k` that the grades make likeliest, each with its own line.

    The likelihood is the Beta-binomial's, `B(k*p + S, k*(1-p) + n - S) / B(k*p, k*(1-p))` by model,
    times a log-normal density about PSEUDO_GRADES: a handful of models alone could call for none at
    all or for infinitely many.
    """
    telling = [one for one in tallies.values() if one.count >= LEAST_GRADES_OF_MODEL]
    if len(telling) < LEAST_MODELS:
        return Prior(fit_line(publics, tallies, PSEUDO_GRADES), PSEUDO_GRADES, estimated=False)
    lines = {k: fit_line(publics, tallies, k) for k in _TRIED_PSEUDO_GRADES}
    best = max(lines, key=lambda k: _log_likelihood(k, lines[k], publics, tallies))
    return Prior(lines[best], best, estimated=True)


def _log_likelihood(
    k: float, line: Line, publics: Mapping[str, float], tallies: Mapping[str, Tally]
) -> float:
    terms = [-0.5 * (math.log(k / PSEUDO_GRADES) / PSEUDO_GRADES_SPREAD) ** 2]
    for model, tally in sorted(tallies.items()):
        prior = line.prior(publics[model])
        good, bad = k * prior, k * (1 - prior)
        missed = max(0.0, tally.effective - tally.total)
        terms.append(_log_beta(good + tally.total, bad + missed) - _log_beta(good, bad))
    return math.fsum(terms)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


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
    try:
        policy = Policy.model_validate(fields)
    except ValidationError as error:
        raise MalformedRows(f"policy {name}: {first_fault(error)}") from error
    report = {
        "policy": policy.version,
        "base": base.version,
        "grades": len(grades.kept),
        "skipped": dict(sorted(grades.skipped.items())),
        "unknown_models": dict(sorted(grades.unknown_models.items())),
        "exploration": {
            "weighted": grades.weighted,
            "weight": f"1 / propensity, at most {LARGEST_WEIGHT:g}",
            "cut": grades.cut,
        },
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
        into[model][task] = {
            "quality": posterior.quality,
            "sd": posterior.sd,
            "grades": tally.count,
        }
        if tally.count:
            models[model] = {
                "grades": tally.count,
                "effective_grades": round(tally.effective, 1),
                "mean": round(tally.mean, _DIGITS),
                "public": public,
                "prior": round(mapped, _DIGITS),
                "quality": posterior.quality,
                "sd": posterior.sd,
            }
    return {
        "grades": count,
        "fitted": True,
        "log_odds_line": {
            "a": round(prior.line.intercept, _DIGITS),
            "b": round(prior.line.slope, _DIGITS),
        },
        "prior_is_worth_grades": round(prior.pseudo_grades, 1),
        "worth_is_estimated": prior.estimated,
        "models_without_grades": len(publics) - len(models),
        "models": models,
    }


@dataclass(frozen=True)
class Pair:
    """A cheaper and a dearer model, with the mean grades of each on the prompts they share."""

    weak_id: str
    strong_id: str
    texts: list[str]
    weak: NDArray[np.float64]
    strong: NDArray[np.float64]

    @property
    def gain(self) -> float:
        """How much better the dearer one does on average."""
        return float((self.strong - self.weak).mean())

    @property
    def order(self) -> tuple[int, float, str]:
        return (-len(self.texts), -self.gain, self.strong_id)


def pairs_of(grades: Iterable[Grade], catalogue: Catalogue) -> list[Pair]:
    """Every pair with a prompt in common, the best founded first for each cheaper model."""
    by_model: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in grades:
        if one.prompt:
            by_model[one.model][one.prompt].append(one.score)
    means = {
        model: {prompt: math.fsum(scores) / len(scores) for prompt, scores in prompts.items()}
        for model, prompts in by_model.items()
    }
    costs = {model: cost for model in means if (cost := _cost(model)) is not None}
    pairs = [
        Pair(
            weak,
            strong,
            shared,
            np.array([means[weak][prompt] for prompt in shared]),
            np.array([means[strong][prompt] for prompt in shared]),
        )
        for weak in sorted(costs)
        for strong in sorted(costs)
        if costs[weak] < costs[strong]
        and (shared := sorted(means[weak].keys() & means[strong].keys()))
    ]
    return sorted(pairs, key=lambda pair: (pair.weak_id, pair.order))


def _cost(model: str) -> int | None:
    given, said = _PRICED_TOKENS
    try:
        return estimated_nano_usd(model, given, said, said)[0]
    except UnpricedModel:
        return None


def fit_predictors(
    grades: Iterable[Grade], catalogue: Catalogue
) -> tuple[list[PromptPredictor], list[dict[str, Any]]]:
    """At most one predictor for each cheaper model, and what became of each.

    Only its best founded pair is tried: of several trials one would succeed by chance.
    """
    from training.routing.prompt_predictor import beats_length_rule, fit_pair

    predictors, report = [], []
    tried: set[str] = set()
    for pair in pairs_of(grades, catalogue):
        if pair.weak_id in tried:
            continue
        tried.add(pair.weak_id)
        why_not = ""
        if len(pair.texts) < LEAST_SHARED_PROMPTS:
            why_not = f"under {LEAST_SHARED_PROMPTS} prompts are graded for both"
        elif pair.gain <= 0:
            why_not = "the dearer model does no better on average"
        elif not beats_length_rule(pair.texts, pair.weak, pair.strong).holds:
            why_not = "it does not beat a rule on the prompt's length"
        else:
            predictors.append(
                fit_pair(
                    pair.texts,
                    pair.weak,
                    pair.strong,
                    weak_id=pair.weak_id,
                    strong_id=pair.strong_id,
                )
            )
        report.append(
            {
                "weak": pair.weak_id,
                "strong": pair.strong_id,
                "prompts": len(pair.texts),
                "gain": round(pair.gain, _DIGITS),
                "kept": not why_not,
                **({"why_not": why_not} if why_not else {}),
            }
        )
    return predictors, report


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
    out = arguments.out or Path(policy_module.__file__).with_name("policies") / (
        f"{policy.name}.json"
    )
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
