"""What routing saved, by an estimate that one can check: cost and savings add up to the baseline."""

from __future__ import annotations

from dataclasses import dataclass

from functions.shared.catalogue.pricing import UnpricedModel
from functions.shared.contracts.decision import Profile, RoutingContext
from functions.shared.money.call_cost import call_cost_nano_usd
from functions.shared.vocabulary import Usage


@dataclass(frozen=True)
class Savings:
    """Against the `baseline_model` at the tokens of the answer, net of every attempt; negative where that
    would have been cheaper. Without a baseline nothing was chosen, and nothing is saved."""

    baseline_model: str | None
    baseline_cost_nano_usd: int
    savings_nano_usd: int


def savings_of(
    baseline_model: str | None,
    usage: Usage,
    cost_nano_usd: int,
    profile: Profile,
    routing_context: RoutingContext,
) -> Savings:
    """`usage` of the answer, `cost_nano_usd` of all attempts."""
    # At standard rates: neither its tier nor its region would have been the baseline's.
    plain = usage.model_copy(update={"tier": "standard", "inference_geo": "global"})
    try:
        if baseline_model is not None:
            baseline = call_cost_nano_usd(baseline_model, plain, profile, routing_context)
            return Savings(baseline_model, baseline, baseline - cost_nano_usd)
    except UnpricedModel:
        pass
    return Savings(None, cost_nano_usd, 0)
