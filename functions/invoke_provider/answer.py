"""The body of the answer, with what it cost and how it came about."""

from __future__ import annotations

import time

from functions.invoke_provider.attempt import Served
from functions.shared.contracts import (
    Answer,
    AnswerUsage,
    Attempt,
    CandidateSummary,
    FailedAttempt,
    Fallback,
    InvokeInput,
    InvokeOutput,
    Performance,
    Routing,
)
from functions.shared.errors import from_execution
from functions.shared.pricing import cost_usd


def answer_of(event: InvokeInput, served: Served) -> InvokeOutput:
    """A simulated answer is priced like the model it stands for, and says `mock`."""
    candidate, completion = event.candidate, served.completion
    usage = _usage(event, served)
    answer = Answer(
        result=completion.text,
        request_id=event.profile.request_id,
        # An execution's name is its request's id.
        execution_id=event.profile.request_id,
        mock=candidate.mock,
        tool_calls=completion.tool_calls,
        finish_reason=completion.finish_reason,
        routing=_routing(event),
        usage=usage,
        performance=_performance(event, served),
    )
    attempt = Attempt(
        model=candidate.model,
        provider=candidate.provider,
        outcome="success",
        elapsed_ms=served.elapsed_ms,
        usage=served.usage,
        cost_usd=usage.total_cost_usd,
    )
    return InvokeOutput(answer=answer, attempt=attempt)


def _usage(event: InvokeInput, served: Served) -> AnswerUsage:
    """Savings compare the same tokens on the dearest candidate; they may be negative."""
    usage, decision = served.usage, event.decision
    total = cost_usd(event.candidate.model, usage)
    baseline = cost_usd(decision.baseline_model, usage)
    return AnswerUsage(
        input_tokens=usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        output_tokens=usage.output_tokens,
        total_cost_usd=total,
        usage_source=served.usage_source,
        baseline_model=decision.baseline_model,
        baseline_cost_usd=baseline,
        savings_usd=baseline - total,
        price_version=decision.price_version,
    )


def _routing(event: InvokeInput) -> Routing:
    candidate, profile = event.candidate, event.profile
    return Routing(
        selected_model=candidate.model,
        provider=candidate.provider,
        reason=candidate.reason,
        task=profile.task,
        task_source=profile.task_source,
        task_confidence=profile.task_confidence,
        cost_score=candidate.cost_score,
        latency_score=candidate.latency_score,
        quality_score=candidate.quality_score,
        availability_score=candidate.availability_score,
        final_score=candidate.final_score,
        candidates=[
            CandidateSummary(**one.model_dump(include=set(CandidateSummary.model_fields)))
            for one in event.decision.candidates
        ],
        excluded=event.decision.excluded,
        fallbacks=[_fallback(failure) for failure in event.failures],
    )


def _fallback(failure: FailedAttempt) -> Fallback:
    return Fallback(
        model=failure.model,
        provider=failure.provider,
        error=failure.name,
        elapsed_ms=from_execution(failure.name, failure.cause).elapsed_ms,
    )


def _performance(event: InvokeInput, served: Served) -> Performance:
    now_ms = int(time.time() * 1000)
    return Performance(
        # The two moments are of two clocks.
        total_time_ms=max(0, now_ms - event.profile.started_at_ms),
        routing_time_ms=round(event.profile.classify_ms + event.decision.score_ms),
        inference_time_ms=served.elapsed_ms,
    )
