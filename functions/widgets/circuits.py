"""The circuits that decide whether a provider or a model is called at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from functions.shared.catalogue.models import load_catalogue
from functions.shared.health.counts import WINDOW_MINUTES
from functions.shared.health.listing import (
    ListedHealth,
    current_health,
    listed_health,
    provider_health,
)
from functions.shared.health.reader import Health
from functions.shared.settings import WidgetSettings
from functions.shared.storage.state_table import StateTable
from functions.widgets.markup import paragraph, table

_HEADINGS = (
    "Provider",
    "Model",
    "Circuit",
    "Availability",
    f"Attempts in {WINDOW_MINUTES} minutes",
)
_ALL = "all"


def circuits(settings: WidgetSettings, now: datetime) -> str:
    """Every configured provider, each followed by those of its models whose circuit is not closed."""
    if not settings.PROVIDERS_CONFIGURED:
        return paragraph("No provider is configured, so that there is no circuit.")
    health = current_health(settings, StateTable(settings.STATE_TABLE), now)
    if health is None:
        return paragraph("The state table cannot be read just now.")
    rows = [
        row
        for provider in sorted(settings.PROVIDERS_CONFIGURED)
        for row in _rows(provider, health, now)
    ]
    return table(_HEADINGS, rows)


def _rows(provider: str, health: Health, now: datetime) -> Iterator[tuple[object, ...]]:
    models = load_catalogue().models
    yield _row(provider, _ALL, provider_health(provider, models, health, now))
    for model in models:
        if model.provider != provider or model.is_retired(now.date()):
            continue
        listed = listed_health(model, health, now)
        if listed and listed.circuit != "closed":
            yield _row(provider, model.id, listed)


def _row(provider: str, model: str, listed: ListedHealth) -> tuple[object, ...]:
    circuit = listed.circuit.replace("_", " ")
    return provider, model, circuit, f"{listed.availability:.1%}", listed.recent_attempts
