"""What a request's calls cost on its day, at the stage's own conditions."""

from __future__ import annotations

from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.pricing import UnpricedModel, cost_nano_usd, price_factor
from functions.shared.contracts.decision import Profile, RoutingContext
from functions.shared.times import utc
from functions.shared.vocabulary import Usage


def call_cost_nano_usd(
    model_id: str, usage: Usage, profile: Profile, routing_context: RoutingContext
) -> int:
    """Raises `UnpricedModel`, also where this function's catalogue does not know the model: while a
    version is being deployed, the one that chose it may be ahead."""
    try:
        provider = load_catalogue().get(model_id).provider
    except KeyError:
        raise UnpricedModel(model_id) from None
    factor = price_factor(provider, routing_context.price_factors)
    return cost_nano_usd(model_id, usage, utc(profile.started_at_ms).date(), factor)
