"""How the models and their providers have done lately, as lists of them show it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from functions.shared.catalogue.models import Model
from functions.shared.contracts.decision import ModelHealth
from functions.shared.health.circuit import Circuit, availability, circuit_of
from functions.shared.health.reader import Health, HealthReader
from functions.shared.settings import ProviderSettings
from functions.shared.storage.state_table import StateTable
from functions.shared.times import epoch_ms
from functions.shared.vocabulary import Count, Frozen, Score


class ListedHealth(Frozen):
    """`recent_attempts` are those of the last five minutes, which `availability` and `circuit` go by;
    `mean_latency_ms` is of the answers of today and yesterday, and unknown without any."""

    availability: Score
    circuit: Circuit
    recent_attempts: Count
    mean_latency_ms: Count | None


def current_health(settings: ProviderSettings, state: StateTable, now: datetime) -> Health | None:
    """Of the configured providers, as it was read last; None where it never could be."""
    reading = HealthReader(state, settings.PROVIDERS_CONFIGURED).read(now)
    return reading.by_model if reading.was_read else None


def listed_health(model: Model, health: Health | None, now: datetime) -> ListedHealth | None:
    """A model that was not called lately counts as healthy."""
    if health is None:
        return None
    circuit, _ = circuit_of(model.id, model.provider, health, epoch_ms(now))
    return _listed(health.get(model.id, ModelHealth()), circuit)


def provider_health(
    provider: str, models: Iterable[Model], health: Health, now: datetime
) -> ListedHealth:
    """Of all its models together; its circuit is the one that is above theirs."""
    circuit, _ = circuit_of(provider, provider, health, epoch_ms(now))
    known = [health[one.id] for one in models if one.provider == provider and one.id in health]
    counts = ("ok", "faults", "throttles", "answers", "latency_ms")
    sums = {name: sum(getattr(one, name) for one in known) for name in counts}
    return _listed(ModelHealth(**sums), circuit)


def _listed(record: ModelHealth, circuit: Circuit) -> ListedHealth:
    return ListedHealth(
        availability=round(availability(record), 4),
        circuit=circuit,
        recent_attempts=record.ok + record.faults + record.throttles,
        mean_latency_ms=round(record.latency_ms / record.answers) if record.answers else None,
    )
