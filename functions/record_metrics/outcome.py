"""How a request ended: the error to show, and its attempts."""

from __future__ import annotations

from typing import Any

from functions.shared.contracts.states import Attempt, FailedAttempt, RecordInput
from functions.shared.errors import (
    ContextWindowExceeded,
    DeadlineExceeded,
    EngineError,
    InvalidRequest,
    ProviderError,
    ProviderTimeout,
    RateLimited,
    from_execution,
    problem_at,
)
from functions.shared.never_ran import NEVER_RAN, TOO_MANY_REQUESTS

ALL_FAILED = "Every candidate failed; details lists the attempts."


def attempts_of(event: RecordInput) -> list[Attempt]:
    """Every attempt in order: the failed ones, then the one that answered."""
    return [_failed(failure) for failure in event.failures] + (
        [event.attempt] if event.attempt else []
    )


def _failed(failure: FailedAttempt) -> Attempt:
    error = from_execution(failure.error.name, failure.error.cause)
    billed = _may_be_billed(failure, error)
    return Attempt(
        model=failure.candidate.model,
        provider=failure.candidate.provider,
        outcome=failure.error.name,
        elapsed_ms=error.elapsed_ms,
        cost_nano_usd=failure.candidate.worst_case_cost_nano_usd if billed else 0,
        possibly_billed=billed,
        message=error.message,
    )


def _may_be_billed(failure: FailedAttempt, error: EngineError) -> bool:
    """A timeout or a crash leaves open whether the provider finished, and billed, the call."""
    if failure.error.name in NEVER_RAN:
        return False
    return isinstance(error, ProviderTimeout) or type(error) is EngineError


def error_of(event: RecordInput, attempts: list[Attempt]) -> EngineError | None:
    """The error to show for the request, or None where it was answered."""
    if event.error is None:
        return None
    error = from_execution(event.error.name, event.error.cause)
    if isinstance(error, DeadlineExceeded):
        return DeadlineExceeded(
            "The request's deadline passed.", details=_attempt_details(attempts)
        )
    if isinstance(error, ContextWindowExceeded):
        problem = problem_at("body", "longer than every candidate's context window")
        return InvalidRequest("The request is too long.", details=[problem])
    if event.failures and all(one.error.name == TOO_MANY_REQUESTS for one in event.failures):
        return error
    failed = isinstance(error, ProviderError | RateLimited) or type(error) is EngineError
    if event.failures and failed:
        shown = ProviderError(ALL_FAILED, details=_attempt_details(attempts))
        shown.retry_after_seconds = error.retry_after_seconds
        return shown
    return error


def _attempt_details(attempts: list[Attempt]) -> list[dict[str, Any]]:
    return [
        {
            "model": attempt.model,
            "provider": attempt.provider,
            "error": attempt.outcome,
            "elapsed_ms": attempt.elapsed_ms,
            "message": attempt.message,
        }
        for attempt in attempts
    ]
