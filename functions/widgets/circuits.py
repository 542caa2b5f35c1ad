"""The circuits that decide whether a provider or a model is called at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from functions.shared.catalogue.models import load_catalogue
from functions.shared.health.circuit import Circuit
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
_ALL = "all models"
_NOT_CLOSED: tuple[Circuit, ...] = ("open", "half_open")


def circuits(settings: WidgetSettings, now: datetime) -> str:
    """Every configured provider, each followed by those of its models whose circuit is not closed.

    A provider has a circuit for its account, which a refused key opens, and one for each model.
    """
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
    models = [
        (one.id, listed)
        for one in load_catalogue().models
        if one.provider == provider
        and not one.is_retired(now.date())
        and (listed := listed_health(one, health, now))
    ]
    whole = provider_health(provider, load_catalogue().models, health, now)
    yield _row(provider, _ALL, _circuit_of_all(whole, models), whole)
    for model, listed in models:
        if listed.circuit != "closed":
            yield _row(provider, model, _words(listed.circuit), listed)


def _circuit_of_all(whole: ListedHealth, models: list[tuple[str, ListedHealth]]) -> str:
    """The account's where it is not closed; else how many of the models' that were asked are not."""
    if whole.circuit != "closed":
        return f"{_words(whole.circuit)}, the account was refused"
    asked = Counter(listed.circuit for _, listed in models if listed.recent_attempts)
    told = [f"{asked[one]} {_words(one)}" for one in _NOT_CLOSED if asked[one]]
    return f"{', '.join(told)} of {asked.total()} asked" if told else _words(whole.circuit)


def _words(circuit: Circuit) -> str:
    return circuit.replace("_", " ")


def _row(provider: str, model: str, circuit: str, listed: ListedHealth) -> tuple[object, ...]:
    return provider, model, circuit, f"{listed.availability:.1%}", listed.recent_attempts
