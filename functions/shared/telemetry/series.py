"""The metrics that requests leave in CloudWatch: one table for what emits, reads and draws them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

NAMESPACE = "LlmOrchestrator"
SERVICE = "service"
"""A dimension of every metric: it keeps the stages of one account apart."""
FUNCTION_NAME = "function_name"

_COUNTS = (
    "Requests", "Errors", "Fallbacks", "CacheHits", "CacheMisses", "Crashes", "HoldExceeded",
)  # fmt: skip
_TOKENS = ("InputTokens", "OutputTokens")
_MONEY = ("CostUsd", "PossiblyBilledUsd", "SimulatedCostUsd", "SavingsUsd")
STEPS: Mapping[str, str] = MappingProxyType(
    {
        "classify": "ClassifyMs",
        "claim": "ClaimMs",
        "score": "ScoreMs",
        "invoke": "InvokeMs",
        "transit": "TransitMs",
    }
)
"""The metrics of the parts of `OverheadMs`, by the steps of a row."""
_TIMES = ("LatencyMs", "RoutingMs", "InferenceMs", "OverheadMs", *STEPS.values())
UNITS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys((*_COUNTS, *_TOKENS, "AttemptErrors", "Throttles", "EstimatedUsage"), "Count")
    | dict.fromkeys(_MONEY, "None")
    | dict.fromkeys(_TIMES, "Milliseconds")
)
COLD_START = "ColdStart"
"""Powertools counts it."""
INTERNAL_ERRORS = "InternalErrors"
"""What a function caught that it should not have met. What it did not outlive is among `Crashes`."""
BUDGET_UNAVAILABLE, HOLD_ASSUMED = "BudgetUnavailable", "HoldAssumed"
"""A call that was not made, as its budget could not be held; a hold that was charged in full, as nobody
knows what became of its call."""
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
    Family(None, (*_COUNTS, *_TOKENS, *_MONEY, *_TIMES)),
    Family("task", ("Requests", "CostUsd")),
    Family("model_preference", ("Requests",)),
    Family("outcome", ("Requests",)),
)
"""One value per request, a missing one counts as 0, but for times: a request that never had one has no part in
it. `outcome` is `success` or the code of the error.

`OverheadMs` is what is ours of `LatencyMs`: neither a provider's nor a wait for somebody. Its parts are what
the functions told of themselves, and `TransitMs` what passed between them.
`CacheHits` were answered by a kept answer, and `CacheMisses` would have been by one.
`Crashes` are its functions that no code of ours outlived: that crashed, ran out of time or memory, or
could not start. `HoldExceeded` are its calls that cost more than the worst case they were let through
with. `CostUsd` is known, `PossiblyBilledUsd` is assumed in full and not in it, as the provider may have
billed what it never answered; `SimulatedCostUsd` is what the simulator's answers would have cost, and
in neither.
"""

OF_ATTEMPTS = (
    Family("model", ("AttemptErrors", "InferenceMs", "CostUsd", "PossiblyBilledUsd")),
    Family("provider", ("AttemptErrors", "Throttles", "InferenceMs", "EstimatedUsage")),
    Family("outcome", ("AttemptErrors",)),
)
"""One value per attempt, `InferenceMs` only where it was answered, and `outcome`, the class of its
error, only where it failed. `AttemptErrors` are the provider's faults, and its sample count is the
number of attempts, whoever failed. `EstimatedUsage` are answers whose tokens the provider did not
tell, or told impossibly."""

OF_FUNCTIONS = (
    Family(None, (INTERNAL_ERRORS, BUDGET_UNAVAILABLE, HOLD_ASSUMED)),
    Family(FUNCTION_NAME, (COLD_START, INTERNAL_ERRORS)),
)
"""What each function counts of itself."""
