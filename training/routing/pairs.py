"""Pairs of a cheaper and a dearer model that answered the same prompts, and predictors of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.shared.catalogue.models import Catalogue
from functions.shared.catalogue.pricing import UnpricedModel, cost_nano_usd
from functions.shared.policy.prompt_predictor import PromptPredictor
from functions.shared.vocabulary import Usage
from training.routing.grades import Grade
from training.routing.qualities import DIGITS

LEAST_SHARED_PROMPTS = 300
"""Graded for both models of a pair, or nothing is predicted from prompts."""
_PRICED_TOKENS = (1_000, 500)
"""Input and output of the call by which the cheaper model of a pair is told."""


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

    def graded(model: str, prompts: list[str]) -> NDArray[np.float64]:
        return np.array([means[model][prompt] for prompt in prompts])

    pairs = [
        Pair(weak, strong, shared, graded(weak, shared), graded(strong, shared))
        for weak in sorted(costs)
        for strong in sorted(costs)
        if costs[weak] < costs[strong]
        and (shared := sorted(means[weak].keys() & means[strong].keys()))
    ]
    return sorted(pairs, key=lambda pair: (pair.weak_id, pair.order))


def _cost(model: str) -> int | None:
    given, said = _PRICED_TOKENS
    try:
        usage = Usage(input_tokens=given, output_tokens=said)
        return cost_nano_usd(model, usage, datetime.now(UTC).date())
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
            ids = {"weak_id": pair.weak_id, "strong_id": pair.strong_id}
            predictors.append(fit_pair(pair.texts, pair.weak, pair.strong, **ids))
        report.append(
            {
                "weak": pair.weak_id,
                "strong": pair.strong_id,
                "prompts": len(pair.texts),
                "gain": round(pair.gain, DIGITS),
                "kept": not why_not,
                **({"why_not": why_not} if why_not else {}),
            }
        )
    return predictors, report
