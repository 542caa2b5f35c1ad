"""The metrics that requests leave in CloudWatch: one table for what emits, reads and draws them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

NAMESPACE = "LlmOrchestrator"
SERVICE = "service"
"""A dimension of every metric: it keeps the stages of one account apart."""

_COUNTS = ("Requests", "Errors", "Fallbacks", "InputTokens", "OutputTokens")
_MONEY = ("CostUsd", "PossiblyBilledUsd", "SimulatedCostUsd", "SavingsUsd")
_TIMES = ("LatencyMs", "RoutingMs", "InferenceMs")
UNITS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        (*_COUNTS, "AttemptErrors", "Throttles", "EstimatedUsage", "HoldExceeded"), "Count"
    )
    | dict.fromkeys(_MONEY, "None")
    | dict.fromkeys(_TIMES, "Milliseconds")
)
COLD_START = "ColdStart"
"""Powertools counts it, by `function_name`."""
RATE_LIMITED = "RateLimited"
"""Counted from the gateway's access log, without any dimension: no function sees these requests."""

OTHER = "other"
"""The outcome of an attempt that ended in an error which is not one of ours."""


@dataclass(frozen=True)
class Family:
    """Metrics under `service` and one more dimension, or none."""

    dimension: str | None
    metrics: tuple[str, ...]

    @property
    def dimensions(self) -> list[str]:
        return [SERVICE, self.dimension] if self.dimension else [SERVICE]


OF_REQUESTS = (
    Family(None, (*_COUNTS, *_MONEY, *_TIMES)),
    Family("task", ("Requests", "CostUsd")),
    Family("model_preference", ("Requests",)),
    Family("outcome", ("Requests",)),
)
"""One value per request. `outcome` is `success` or the code of the error."""

OF_ATTEMPTS = (
    Family(None, ("HoldExceeded",)),
    Family("model", ("AttemptErrors", "InferenceMs", "CostUsd", "PossiblyBilledUsd")),
    Family("provider", ("AttemptErrors", "Throttles", "InferenceMs", "EstimatedUsage")),
    Family("outcome", ("AttemptErrors",)),
)
"""One value per attempt, `InferenceMs` only where it was answered, and `outcome`, the class of its
error, only where it was not. The sample count of `AttemptErrors` is the number of attempts."""
