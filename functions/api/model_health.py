"""How the models have done lately, as the list of models shows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from functions.shared.catalogue import Model
from functions.shared.contracts import Frozen, ModelHealth, Score
from functions.shared.health import Circuit, availability, circuit_of
from functions.shared.known_health import known_health
from functions.shared.observability import logger
from functions.shared.pricing import Count
from functions.shared.settings import ProviderSettings
from functions.shared.stores import State

Health = Mapping[str, ModelHealth]
"""By model id, with a whole provider's under its name."""


class ListedHealth(Frozen):
    """`recent_attempts` are those of the last five minutes, which `availability` and `circuit` go by;
    `mean_latency_ms` is of the answers of today and yesterday, and unknown without any."""

    availability: Score
    circuit: Circuit
    recent_attempts: Count
    mean_latency_ms: Count | None


def current_health(settings: ProviderSettings, state: State, now: datetime) -> Health | None:
    """Of the configured providers; None where it cannot be read."""
    stale = known_health.stale_ids(settings.PROVIDERS_CONFIGURED, now)
    if stale:
        try:
            known_health.learn(state.read(stale).values())
        except (BotoCoreError, ClientError) as error:
            logger.warning("state unavailable", error_type=type(error).__name__)
            return None
    return known_health.by_model


def listed_health(model: Model, health: Health | None, now: datetime) -> ListedHealth | None:
    """A model that was not called lately counts as healthy."""
    if health is None:
        return None
    own = health.get(model.id, ModelHealth())
    circuit, _ = circuit_of(model.id, model.provider, health, int(now.timestamp() * 1000))
    return ListedHealth(
        availability=round(availability(own), 4),
        circuit=circuit,
        recent_attempts=own.ok + own.faults + own.throttles,
        mean_latency_ms=round(own.latency_ms / own.answers) if own.answers else None,
    )
