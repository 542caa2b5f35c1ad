"""A finished request as `GET /requests/{request_id}` shows it: the row of the log, in dollars.

A row of an earlier version has what that version kept: fewer fields, or others besides.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from functions.api.feedback import Feedback
from functions.shared.contracts.answer import FinishReason, Performance
from functions.shared.contracts.decision import Exclusion
from functions.shared.contracts.error_body import ErrorContent
from functions.shared.contracts.states import CachedFrom
from functions.shared.vocabulary import Frozen, Usd


class Recorded(Frozen):
    """Base of what a row holds: nothing of it is hidden."""

    model_config = ConfigDict(extra="allow")


class RecordedTokens(Recorded):
    """Of one call, in disjoint parts; `reasoning_tokens` are a part of `output_tokens`."""

    input_tokens: int
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    long_cache_write_tokens: int | None = None
    output_tokens: int
    reasoning_tokens: int | None = None
    tier: str | None = None
    inference_geo: str | None = None
    estimated: bool | None = None


class RecordedAttempt(Recorded):
    """`outcome` is `success` or the class of the error. `try` counts calls of the same candidate from 1,
    `waited_ms` is the pause before this one, and `retries` how often AWS could not run the function, for
    `retried_ms` of that pause. `own_ms` is what the function took beside the call."""

    model: str
    provider: str
    outcome: str
    message: str | None = None
    elapsed_ms: int | None = None
    waited_ms: int | None = None
    retries: int | None = None
    retried_ms: int | None = None
    own_ms: float | None = None
    usage: RecordedTokens | None = None
    cost_usd: Usd | None = None
    possibly_billed_usd: Usd | None = None
    simulated_cost_usd: Usd | None = None
    charged_usd: Usd | None = None
    price_version: str | None = None


class RecordedModel(Recorded):
    """What was expected of a model that might be asked."""

    model: str
    provider: str | None = None
    mock: bool | None = None
    final_score: float | None = None
    cost_score: float | None = None
    latency_score: float | None = None
    quality_score: float | None = None
    availability_score: float | None = None
    quality: float | None = None
    estimated_cost_usd: Usd | None = None
    worst_case_cost_usd: Usd | None = None
    estimated_latency_ms: int | None = None
    p95_latency_ms: int | None = None
    estimated_input_tokens: int | None = None
    estimated_output_tokens: int | None = None


class RecordedDecision(Recorded):
    """The candidates best first, and `routing_context`, all that the decision went by."""

    reason: str | None = None
    candidates: list[RecordedModel] | None = None
    reserve: list[RecordedModel] | None = None
    excluded: list[Exclusion] | None = None
    baseline_model: str | None = None
    price_version: str | None = None
    policy_version: str | None = None
    explored: bool | None = None
    propensity: float | None = None
    routing_context: dict[str, Any] | None = None


class RecordedUsage(Recorded):
    """Of the whole request, as its answer told it."""

    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    total_cost_usd: Usd | None = None
    possibly_billed_usd: Usd | None = None
    simulated_cost_usd: Usd | None = None
    usage_source: str | None = None
    baseline_model: str | None = None
    baseline_cost_usd: Usd | None = None
    savings_usd: Usd | None = None
    price_version: str | None = None


class RecordedSteps(Recorded):
    """What each function that told it took beside its calls, and the `transit` between them."""

    classify: float | None = None
    claim: float | None = None
    score: float | None = None
    invoke: float | None = None
    transit: float | None = None


class AuditRecord(Recorded):
    """`profile` is what routing knew of the request: none of its text, but for `prompt`, where the stage keeps
    prompts. The answer of a `cache` hit was `cached_from` another request; it has no attempts, no decision and
    no `latency_ms`. All of its time is `provider_ms` in calls, `waited_ms` for a provider that asked for it or for
    another's answer, and `overhead_ms`, which is ours, by `steps_ms`."""

    request_id: str
    caller_id: str
    caller: str
    created_at: str
    finished_at: str | None = None
    status: str
    mode: str | None = None
    trace_id: str | None = None
    task: str | None = None
    model_preference: str | None = None
    model: str | None = None
    provider: str | None = None
    mock: bool | None = None
    latency_ms: int | None = None
    provider_ms: int | None = None
    waited_ms: int | None = None
    overhead_ms: int | None = None
    steps_ms: RecordedSteps | None = None
    cost_usd: Usd | None = None
    possibly_billed_usd: Usd | None = None
    simulated_cost_usd: Usd | None = None
    savings_usd: Usd | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    fallbacks: int | None = None
    finish_reason: FinishReason | None = None
    usage: RecordedUsage | None = None
    performance: Performance | None = None
    price_version: str | None = None
    policy_version: str | None = None
    cache: Literal["hit", "miss"] | None = None
    cached_from: CachedFrom | None = None
    attempts: list[RecordedAttempt] | None = None
    decision: RecordedDecision | None = None
    profile: dict[str, Any] | None = None
    error_code: str | None = None
    error_class: str | None = None
    error: ErrorContent | None = None
    feedback: Feedback | None = None
    prompt: str | None = None

    def to_json(self) -> dict[str, Any]:
        """With what its row has, and nothing else."""
        return self.model_dump(mode="json", exclude_unset=True)
