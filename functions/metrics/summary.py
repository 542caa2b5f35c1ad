"""`/metrics/summary`: what the engine did, how quickly, and for how much."""

from __future__ import annotations

from decimal import Decimal
from itertools import chain
from typing import Any

from pydantic import Field

from functions.metrics.cloudwatch import Figure, Figures, Percentiles, percentiles_of, read_figures
from functions.metrics.window import Window
from functions.shared.catalogue.models import load_catalogue
from functions.shared.telemetry.series import STEPS
from functions.shared.vocabulary import Count, Frozen, Score, Stamped, Usd

_SUCCESSFUL = ("outcome", "success")


class Measured(Frozen):
    """What every answer about a window says of it."""

    window: str
    start: Stamped = Field(alias="from")
    end: Stamped = Field(alias="to")

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)


class RequestCounts(Frozen):
    """`failed` are those that were `rejected`, by their caller's own doing (a code of 4xx), and the
    `errors` of the engine or of all providers that were asked (5xx)."""

    total: Count
    successful: Count
    failed: Count
    rejected: Count
    errors: Count


class SummaryCosts(Frozen):
    """As in `/metrics/costs`. `by_model` has the models that were asked, and sums up to `total_usd`."""

    total_usd: Usd
    possibly_billed_usd: Usd
    simulated_cost_usd: Usd
    savings_usd: Usd
    by_model: dict[str, Usd]


class CacheUse(Frozen):
    """`hit_rate` is the share of the requests that a kept answer might have answered."""

    hits: Count
    hit_rate: Score


class Steps(Frozen):
    """Of each step by itself: the percentiles of parts do not add up to that of the whole."""

    classify: Percentiles
    claim: Percentiles
    score: Percentiles
    invoke: Percentiles
    transit: Percentiles


class Summary(Measured):
    """`latency_ms` is of requests that had a model called, answered or not; `overhead_ms` what is ours of it,
    neither in calls of providers nor waiting for somebody, and `steps_ms` where it went."""

    requests: RequestCounts
    latency_ms: Percentiles
    overhead_ms: Percentiles
    steps_ms: Steps
    costs: SummaryCosts
    cache: CacheUse
    fallbacks: Count


def summary(service: str, window: Window) -> Summary:
    """Raises what `read_figures` raises."""
    wanted = [
        *map(Figure, ("Requests", "Errors", "Fallbacks", "CacheHits", "CacheMisses")),
        *map(Figure, ("CostUsd", "PossiblyBilledUsd", "SimulatedCostUsd", "SavingsUsd")),
        Figure("Requests", _SUCCESSFUL),
        *chain.from_iterable(map(percentiles_of, ("LatencyMs", "OverheadMs", *STEPS.values()))),
        *model_figures(),
    ]
    figures = read_figures(wanted, service, window)
    return Summary(
        **window.to_json(),
        requests=_request_counts(figures),
        latency_ms=figures.percentiles("LatencyMs"),
        overhead_ms=figures.percentiles("OverheadMs"),
        steps_ms=Steps(**{step: figures.percentiles(metric) for step, metric in STEPS.items()}),
        costs=SummaryCosts(
            total_usd=figures.usd("CostUsd"),
            possibly_billed_usd=figures.usd("PossiblyBilledUsd"),
            simulated_cost_usd=figures.usd("SimulatedCostUsd"),
            savings_usd=figures.usd("SavingsUsd"),
            by_model=costs_by_model(figures),
        ),
        cache=_cache_use(figures),
        fallbacks=figures.count("Fallbacks"),
    )


def _request_counts(figures: Figures) -> RequestCounts:
    total, errors = figures.count("Requests"), figures.count("Errors")
    successful = figures.count("Requests", _SUCCESSFUL)
    failed = total - successful
    return RequestCounts(
        total=total, successful=successful, failed=failed, rejected=failed - errors, errors=errors
    )


def _cache_use(figures: Figures) -> CacheUse:
    hits, misses = figures.count("CacheHits"), figures.count("CacheMisses")
    rate = hits / (hits + misses) if hits else 0.0
    return CacheUse(hits=hits, hit_rate=round(rate, 4))


def model_figures() -> list[Figure]:
    """The figures of `costs_by_model`."""
    return [Figure("CostUsd", named) for named in _models()]


def costs_by_model(figures: Figures) -> dict[str, Decimal]:
    """Of the models that were asked, whether or not they answered."""
    return {
        named[1]: figures.usd("CostUsd", named)
        for named in _models()
        if Figure("CostUsd", named) in figures.values
    }


def _models() -> list[tuple[str, str]]:
    return [("model", model.id) for model in load_catalogue().models]
