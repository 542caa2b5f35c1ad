"""The caller's answer, built from a completion and the decision that led to it."""

from __future__ import annotations

import json

from functions.invoke_provider.providers.base import Completion, Prompt
from functions.shared.catalogue.pricing import cost_usd
from functions.shared.catalogue.tokens import tokens_in
from functions.shared.contracts.answer import (
    Answer,
    AnswerUsage,
    CandidateSummary,
    Fallback,
    Performance,
    Routing,
)
from functions.shared.contracts.states import Attempt, InvokeInput, InvokeOutput
from functions.shared.errors import from_execution
from functions.shared.vocabulary import Usage


def answer_of(
    event: InvokeInput, prompt: Prompt, completion: Completion, elapsed_ms: int, now_ms: float
) -> InvokeOutput:
    """A simulated answer costs what the model it stands for would, and says that it is `mock`."""
    profile, decision, candidate = event.profile, event.decision, event.candidate
    usage = completion.usage or _estimated_usage(event, completion)
    cost = cost_usd(candidate.model, usage)
    baseline = cost_usd(decision.baseline_model, usage)
    answer = Answer(
        result=completion.text,
        request_id=profile.request_id,
        execution_id=profile.request_id,
        mock=candidate.mock,
        tool_calls=list(completion.tool_calls),
        finish_reason=completion.finish_reason,
        routing=_routing(event, prompt),
        usage=AnswerUsage(
            input_tokens=usage.total_input_tokens,
            cached_input_tokens=usage.cached_input_tokens,
            output_tokens=usage.output_tokens,
            total_cost_usd=cost,
            usage_source="provider" if completion.usage else "estimated",
            baseline_model=decision.baseline_model,
            baseline_cost_usd=baseline,
            savings_usd=baseline - cost,
            price_version=decision.price_version,
        ),
        performance=Performance(
            total_time_ms=max(elapsed_ms, round(now_ms - profile.started_at_ms)),
            routing_time_ms=round(profile.classify_ms + decision.score_ms),
            inference_time_ms=elapsed_ms,
        ),
    )
    attempt = Attempt(
        model=candidate.model,
        provider=candidate.provider,
        outcome="success",
        elapsed_ms=elapsed_ms,
        retries=event.retry_count,
        usage=usage,
        cost_usd=cost,
    )
    return InvokeOutput(answer=answer, attempt=attempt)


def _routing(event: InvokeInput, prompt: Prompt) -> Routing:
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
        policy_version=event.decision.policy_version,
        prompt_version=prompt.version,
        dropped_parameters=list(prompt.dropped),
        candidates=[
            CandidateSummary.model_validate(
                one.model_dump(include=set(CandidateSummary.model_fields))
            )
            for one in event.decision.candidates
        ],
        excluded=event.decision.excluded,
        fallbacks=[
            Fallback(
                model=failure.model,
                provider=failure.provider,
                error=failure.name,
                elapsed_ms=from_execution(failure.name, failure.cause).elapsed_ms,
            )
            for failure in event.failures
        ],
    )


def _estimated_usage(event: InvokeInput, completion: Completion) -> Usage:
    made = completion.text + "".join(
        json.dumps(call.model_dump()) for call in completion.tool_calls
    )
    candidate = event.candidate
    return Usage(
        input_tokens=candidate.estimated_input_tokens,
        output_tokens=tokens_in(made, candidate.tokenizer),
    )
