"""What routing saved, by an estimate that one can check: cost and savings add up to the baseline."""

from __future__ import annotations

from dataclasses import dataclass

from functions.shared.catalogue.pricing import UnpricedModel, cost_nano_usd
from functions.shared.vocabulary import Usage


@dataclass(frozen=True)
class Savings:
    """Against the `baseline_model` at the tokens of the answer, net of every attempt; negative where that
    would have been cheaper. Without a baseline nothing was chosen, and nothing is saved."""

    baseline_model: str | None
    baseline_cost_nano_usd: int
    savings_nano_usd: int


def savings_of(baseline_model: str | None, usage: Usage, cost_nano_usd_of_all: int) -> Savings:
    baseline = _price(baseline_model, usage)
    if baseline is None:
        return Savings(None, cost_nano_usd_of_all, 0)
    return Savings(baseline_model, baseline, baseline - cost_nano_usd_of_all)


def _price(model: str | None, usage: Usage) -> int | None:
    """At standard rates: neither its tier nor its region would have been the baseline's."""
    plain = usage.model_copy(update={"tier": "standard", "inference_geo": "global"})
    try:
        return None if model is None else cost_nano_usd(model, plain)
    except UnpricedModel:
        # While a version is being deployed, Score may know a model that this function does not.
        return None
