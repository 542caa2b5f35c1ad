"""`/metrics/models/{model}` and `/metrics/providers`: how those did that were asked."""

from __future__ import annotations

from datetime import date, datetime

from functions.metrics.cloudwatch import (
    COUNT,
    Figure,
    Figures,
    Percentiles,
    percentiles_of,
    read_figures,
)
from functions.metrics.summary import Measured
from functions.metrics.window import Window
from functions.shared.catalogue.additions import known_providers
from functions.shared.catalogue.models import load_catalogue
from functions.shared.errors import NotFound
from functions.shared.health.circuit import Circuit
from functions.shared.health.listing import ListedHealth, listed_health, provider_health
from functions.shared.health.reader import Health
from functions.shared.policy.provider_choice import ProviderChoice
from functions.shared.times import utc
from functions.shared.vocabulary import Count, Frozen, Listing, Score, Stamped, Usd


class Attempts(Measured):
    """`success_rate` is null without attempts; `latency_ms` is of those that were answered."""

    attempts: Count
    errors: Count
    success_rate: Score | None
    latency_ms: Percentiles


class ModelMetrics(Attempts):
    """`health` is what routing goes by now; null where it cannot be read."""

    model: str
    provider: str
    cost_usd: Usd
    health: ListedHealth | None
    retires_on: date | None


class LastError(Frozen):
    """The class of the error, and when it was recorded."""

    error: str
    recorded_at: Stamped


class ProviderMetrics(Frozen):
    """`mock`: the simulator answers in its place. `circuit`, `availability` and `last_error` are of
    the last minutes, and null where they cannot be read."""

    provider: str
    configured: bool
    mock: bool
    attempts: Count
    errors: Count
    throttles: Count
    success_rate: Score | None
    latency_ms: Percentiles
    availability: Score | None
    circuit: Circuit | None
    last_error: LastError | None


class ProviderList(Measured, Listing):
    data: list[ProviderMetrics]
    pass


def model_metrics(
    model_id: str, service: str, window: Window, health: Health | None, now: datetime
) -> ModelMetrics:
    """Raises `NotFound`, and what `read_figures` raises."""
    try:
        model = load_catalogue().get(model_id)
    except KeyError:
        raise NotFound("There is no such model.") from None
    named = ("model", model.id)
    figures = read_figures([*_attempt_figures(named), Figure("CostUsd", named)], service, window)
    attempts, errors = _counts(figures, named)
    return ModelMetrics(
        **window.to_json(),
        model=model.id,
        provider=model.provider,
        attempts=attempts,
        errors=errors,
        success_rate=_success_rate(attempts, errors),
        latency_ms=figures.percentiles("InferenceMs", named),
        cost_usd=figures.usd("CostUsd", named),
        health=listed_health(model, health, now),
        retires_on=model.retires_on,
    )


def provider_metrics(
    service: str, window: Window, choice: ProviderChoice, health: Health | None, now: datetime
) -> ProviderList:
    """Every provider that has or may have models. Raises what `read_figures` raises."""
    names = [("provider", provider) for provider in known_providers()]
    wanted = [
        figure
        for named in names
        for figure in (*_attempt_figures(named), Figure("Throttles", named))
    ]
    figures = read_figures(wanted, service, window)
    return ProviderList(
        **window.to_json(),
        data=[_provider(named, figures, choice, health, now) for named in names],
    )


def _provider(
    named: tuple[str, str],
    figures: Figures,
    choice: ProviderChoice,
    health: Health | None,
    now: datetime,
) -> ProviderMetrics:
    provider = named[1]
    attempts, errors = _counts(figures, named)
    listed = (
        None if health is None else provider_health(provider, load_catalogue().models, health, now)
    )
    return ProviderMetrics(
        provider=provider,
        configured=provider in choice.configured,
        mock=choice.answered_by(provider, pinned=True) == "simulator",
        attempts=attempts,
        errors=errors,
        throttles=figures.count("Throttles", named),
        success_rate=_success_rate(attempts, errors),
        latency_ms=figures.percentiles("InferenceMs", named),
        availability=listed.availability if listed else None,
        circuit=listed.circuit if listed else None,
        last_error=_last_error(provider, health),
    )


def _attempt_figures(named: tuple[str, str]) -> list[Figure]:
    return [
        Figure("AttemptErrors", named),
        Figure("AttemptErrors", named, COUNT),
        *percentiles_of("InferenceMs", named),
    ]


def _counts(figures: Figures, named: tuple[str, str]) -> tuple[int, int]:
    return figures.count("AttemptErrors", named, COUNT), figures.count("AttemptErrors", named)


def _success_rate(attempts: int, errors: int) -> float | None:
    return round((attempts - errors) / attempts, 4) if attempts else None


def _last_error(provider: str, health: Health | None) -> LastError | None:
    record = (health or {}).get(provider)
    if record is None or not record.last_error:
        return None
    at_ms, _, error = record.last_error.partition(" ")
    return LastError(error=error, recorded_at=utc(int(at_ms)))
