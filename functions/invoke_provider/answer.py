"""The caller's answer, built from a completion and the decision that led to it."""

from __future__ import annotations

import json
from typing import Literal

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Completion, Prompt
from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.pricing import cost_nano_usd, price_factor, price_version
from functions.shared.catalogue.tokens import call_tokens, tokens_in
from functions.shared.contracts.answer import (
    Answer,
    AnswerUsage,
    BilledUsage,
    CandidateSummary,
    Fallback,
    Performance,
    Routing,
)
from functions.shared.contracts.states import (
    Attempt,
    CaughtError,
    FailedAttempt,
    InvokeInput,
    InvokeOutput,
    LoggedAnswer,
    RefusedOutput,
    json_of,
)
from functions.shared.errors import EngineError, error_body, from_execution
from functions.shared.policy.explanation import choice_of, described, narrowed
from functions.shared.times import utc
from functions.shared.vocabulary import Usage, in_usd


def answer_of(
    event: InvokeInput,
    model: CalledModel,
    prompt: Prompt,
    completion: Completion,
    *,
    elapsed_ms: int,
    now_ms: float,
) -> InvokeOutput:
    """A simulated answer costs what the model it stands for would, and says that it is `mock`."""
    profile, decision = event.profile, event.decision
    usage = completion.usage or _estimated_usage(event, model, completion)
    logged = LoggedAnswer(
        mock=event.candidate.mock,
        finish_reason=completion.finish_reason,
        usage=_billed(event, usage, "provider" if completion.usage else "estimated"),
        performance=Performance(
            total_time_ms=max(elapsed_ms, round(now_ms - profile.started_at_ms)),
            routing_time_ms=round(profile.classify_ms + decision.score_ms),
            inference_time_ms=elapsed_ms,
        ),
    )
    answer = Answer(
        result=completion.text,
        request_id=profile.request_id,
        execution_id=profile.request_id,
        mock=logged.mock,
        tool_calls=list(completion.tool_calls),
        finish_reason=logged.finish_reason,
        routing=_routing(event, prompt),
        usage=AnswerUsage.model_validate(in_usd(json_of(logged.usage))),
        performance=logged.performance,
    )
    attempt = Attempt(
        model=model.id,
        provider=model.provider,
        outcome="success",
        elapsed_ms=elapsed_ms,
        retries=event.retry_count,
        usage=usage,
        cost_nano_usd=logged.usage.total_cost_nano_usd,
    )
    return InvokeOutput(answer=answer, logged_answer=logged, attempt=attempt)


def refusal_of(event: InvokeInput, error: EngineError) -> RefusedOutput:
    """A request that the provider refused: its reason is in the caller's body, and there alone."""
    request_id, name = event.profile.request_id, type(error).__name__
    body = error_body(error, request_id)
    provider = event.candidate.provider
    body["error"]["message"] = f"{provider} refused the request: {error.reason}"
    cause = json.dumps({"errorType": name, "errorMessage": str(error)})
    attempt = Attempt(
        model=event.candidate.model,
        provider=provider,
        outcome=name,
        elapsed_ms=error.elapsed_ms,
        retries=event.retry_count,
        message=error.message,
    )
    return RefusedOutput(answer=body, attempt=attempt, error=CaughtError(name=name, cause=cause))


def _billed(
    event: InvokeInput, usage: Usage, source: Literal["provider", "estimated"]
) -> BilledUsage:
    baseline_model = event.decision.baseline_model
    cost = _cost(event, event.candidate.model, usage)
    baseline = _cost(event, baseline_model, usage)
    return BilledUsage(
        input_tokens=usage.total_input_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        output_tokens=usage.output_tokens,
        total_cost_nano_usd=cost,
        usage_source=source,
        baseline_model=baseline_model,
        baseline_cost_nano_usd=baseline,
        savings_nano_usd=baseline - cost,
        price_version=price_version(),
    )


def _cost(event: InvokeInput, model_id: str, usage: Usage) -> int:
    factors = event.decision.routing_context.price_factors
    factor = price_factor(load_catalogue().get(model_id).provider, factors)
    return cost_nano_usd(model_id, usage, utc(event.profile.started_at_ms).date(), factor)


def _routing(event: InvokeInput, prompt: Prompt) -> Routing:
    profile, decision = event.profile, event.decision
    shown = {
        **choice_of(event.candidate.model, decision, profile),
        "prompt_version": prompt.version,
        "dropped_parameters": list(prompt.dropped),
        "fallbacks": [_fallback(failure) for failure in event.failures],
    }
    if event.request.explain:
        ranked = (in_usd(described(one, profile)) for one in decision.candidates)
        shown["candidates"] = [narrowed(CandidateSummary, one) for one in ranked]
        shown["excluded"] = decision.excluded
    return narrowed(Routing, shown)


def _fallback(failure: FailedAttempt) -> Fallback:
    return Fallback(
        model=failure.candidate.model,
        provider=failure.candidate.provider,
        error=failure.error.name,
        elapsed_ms=from_execution(failure.error.name, failure.error.cause).elapsed_ms,
    )


def _estimated_usage(event: InvokeInput, model: CalledModel, completion: Completion) -> Usage:
    made = completion.text + "".join(
        json.dumps(call.model_dump()) for call in completion.tool_calls
    )
    return Usage(
        input_tokens=call_tokens(
            event.profile.input_size, event.profile.image_tokens, model.tokenizer
        ),
        output_tokens=tokens_in(made, model.tokenizer),
    )
