"""The caller's answer, built from a completion and the decision that led to it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from functions.invoke_provider.providers.base import Completion, Embedded, FinishReason, Prompt
from functions.shared.catalogue.pricing import price_version
from functions.shared.contracts.answer import (
    Answer,
    AnswerUsage,
    BilledUsage,
    CandidateSummary,
    DroppedParameter,
    EmbeddingAnswer,
    Fallback,
    Performance,
    Routing,
)
from functions.shared.contracts.decision import Decision, Profile
from functions.shared.contracts.states import (
    Attempt,
    Call,
    CaughtError,
    EmbeddedOutput,
    FailedAttempt,
    InvokeInput,
    InvokeOutput,
    LoggedAnswer,
    RefusedOutput,
    json_of,
)
from functions.shared.errors import (
    ContentFiltered,
    EngineError,
    InvalidRequest,
    RequestDoubted,
    RequestUnsupported,
    error_body,
)
from functions.shared.money.attempts import attempt_of
from functions.shared.money.savings import savings_of
from functions.shared.policy.explanation import choice_of, described, narrowed
from functions.shared.vocabulary import Usage, in_usd
from functions.shared.well_formed import well_formed_text

NO_PROMPT = "none"


def answer_of(
    event: InvokeInput, prompt: Prompt, completion: Completion, call: Call, now_ms: float
) -> InvokeOutput:
    """A simulated answer says that it is `mock`, and what it would have cost."""
    attempt = _attempt(event, "success", call)
    logged = _logged(event, attempt, completion.finish_reason, now_ms)
    answer = Answer(
        result=completion.text,
        request_id=event.profile.request_id,
        execution_id=event.profile.request_id,
        mock=logged.mock,
        tool_calls=list(completion.tool_calls),
        finish_reason=logged.finish_reason,
        routing=_routing(event, prompt.version, prompt.dropped),
        usage=AnswerUsage.model_validate(in_usd(json_of(logged.usage))),
        performance=logged.performance,
    )
    return InvokeOutput(answer=answer, logged_answer=logged, attempt=attempt)


def embeddings_of(
    event: InvokeInput,
    embedded: Embedded,
    dropped: Iterable[DroppedParameter],
    call: Call,
    now_ms: float,
) -> EmbeddedOutput:
    """The same of vectors, which no template is told for."""
    attempt = _attempt(event, "success", call)
    logged = _logged(event, attempt, "stop", now_ms)
    answer = EmbeddingAnswer(
        vectors=list(embedded.vectors),
        request_id=event.profile.request_id,
        execution_id=event.profile.request_id,
        mock=logged.mock,
        routing=_routing(event, NO_PROMPT, dropped),
        usage=AnswerUsage.model_validate(in_usd(json_of(logged.usage))),
        performance=logged.performance,
    )
    return EmbeddedOutput(answer=answer, logged_answer=logged, attempt=attempt)


def _logged(
    event: InvokeInput, attempt: Attempt, finish_reason: FinishReason, now_ms: float
) -> LoggedAnswer:
    profile, elapsed_ms = event.profile, attempt.elapsed_ms
    return LoggedAnswer(
        mock=event.candidate.mock,
        finish_reason=finish_reason,
        usage=_billed(event, attempt),
        performance=Performance(
            total_time_ms=_total_ms(profile, elapsed_ms, now_ms),
            routing_time_ms=round(profile.classify_ms + event.decision.score_ms),
            inference_time_ms=elapsed_ms,
        ),
    )


def _total_ms(profile: Profile, elapsed_ms: int, now_ms: float) -> int:
    return max(elapsed_ms, round(now_ms - profile.started_at_ms))


def ended(
    output: InvokeOutput | EmbeddedOutput, event: InvokeInput, own_ms: float, now_ms: float
) -> InvokeOutput | EmbeddedOutput:
    """The answer once its call is settled, for which its caller has waited, too: so long it took in all."""
    total_ms = _total_ms(event.profile, output.attempt.elapsed_ms, now_ms)
    told = output.logged_answer.performance
    performance = {"performance": told.model_copy(update={"total_time_ms": total_ms})}
    return output.model_copy(
        update={
            "answer": output.answer.model_copy(update=performance),
            "logged_answer": output.logged_answer.model_copy(update=performance),
            "attempt": output.attempt.model_copy(update={"own_ms": own_ms}),
        }
    )


_REFUSALS = (InvalidRequest, RequestDoubted, RequestUnsupported)


def is_refusal(error: EngineError, *, asks_others: bool) -> bool:
    """Whether it is about the request, and an answer to its caller; one on policy is none where the stage
    has others asked."""
    return isinstance(error, _REFUSALS) or (isinstance(error, ContentFiltered) and not asks_others)


def refusal_of(event: InvokeInput, error: EngineError) -> RefusedOutput:
    """A request that the provider refused: its reason is in the caller's body, and there alone."""
    request_id, name = event.profile.request_id, type(error).__name__
    body = error_body(error, request_id)
    if error.reason:
        reason = well_formed_text(error.reason)
        body["error"]["message"] = f"{event.candidate.provider} refused the request: {reason}"
    cause = json.dumps({"errorType": name, "errorMessage": str(error)})
    attempt = attempt_in(event, error)
    return RefusedOutput(answer=body, attempt=attempt, error=CaughtError(name=name, cause=cause))


def attempt_in(event: InvokeInput, error: EngineError) -> Attempt:
    """The call that ended in this error."""
    call = Call.model_validate(error.call or {})
    return _attempt(event, type(error).__name__, call, error.message)


def _attempt(event: InvokeInput, outcome: str, call: Call, message: str | None = None) -> Attempt:
    candidate = event.candidate
    of_call = {name: getattr(call, name) for name in Call.model_fields}
    return Attempt(
        **of_call,
        model=candidate.model,
        provider=candidate.provider,
        outcome=outcome,
        message=message,
    )


def _billed(event: InvokeInput, attempt: Attempt) -> BilledUsage:
    usage = attempt.usage or Usage()
    calls = [*(attempt_of(failure, event.decision) for failure in event.failures), attempt]
    cost = sum(call.cost_nano_usd for call in calls)
    baseline = None if event.candidate.mock else event.decision.baseline_model
    savings = savings_of(baseline, usage, cost, event.profile, event.decision.routing_context)
    return BilledUsage(
        input_tokens=usage.total_input_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        output_tokens=usage.output_tokens,
        cache_write_tokens=usage.cache_write_tokens + usage.long_cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        total_cost_nano_usd=cost,
        possibly_billed_nano_usd=sum(call.possibly_billed_nano_usd for call in calls),
        simulated_cost_nano_usd=sum(call.simulated_cost_nano_usd for call in calls),
        usage_source="estimated" if usage.estimated else "provider",
        baseline_model=savings.baseline_model,
        baseline_cost_nano_usd=savings.baseline_cost_nano_usd,
        savings_nano_usd=savings.savings_nano_usd,
        price_version=price_version(),
    )


def _routing(
    event: InvokeInput, prompt_version: str, dropped: Iterable[DroppedParameter]
) -> Routing:
    profile, decision = event.profile, event.decision
    shown = {
        **choice_of(event.candidate.model, decision, profile),
        "prompt_version": prompt_version,
        "dropped_parameters": list(dropped),
        "fallbacks": [_fallback(failure, decision) for failure in event.failures],
    }
    if event.request.explain:
        ranked = (in_usd(described(one, profile)) for one in decision.candidates)
        shown["candidates"] = [narrowed(CandidateSummary, one) for one in ranked]
        shown["excluded"] = decision.excluded
    return narrowed(Routing, shown)


def _fallback(failure: FailedAttempt, decision: Decision) -> Fallback:
    attempt = attempt_of(failure, decision)
    return Fallback(
        model=attempt.model,
        provider=attempt.provider,
        error=attempt.outcome,
        elapsed_ms=attempt.elapsed_ms,
    )
