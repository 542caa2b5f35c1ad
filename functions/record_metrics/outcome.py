"""How a request ended: the error to show, and its attempts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.shared.contracts.states import Attempt, RecordInput
from functions.shared.errors import (
    ContextWindowExceeded,
    CostLimitReached,
    DeadlineExceeded,
    EngineError,
    InvalidRequest,
    ProviderError,
    RateLimited,
    from_execution,
    problem_at,
)
from functions.shared.money.attempts import attempt_of
from functions.shared.money.job_calls import kept_call
from functions.shared.never_ran import TOO_MANY_REQUESTS

ALL_FAILED = "Every candidate failed; details lists the attempts."
COST_LIMIT_REACHED = (
    "What is left of max_cost_usd pays for no other candidate; details lists the attempts."
)


def attempts_of(event: RecordInput, kept: Mapping[str, Any]) -> list[Attempt]:
    """Every attempt in order: the failed ones, then the one that answered or was refused."""
    last = [event.attempt] if event.attempt else []
    if event.decision is None:
        return last
    failed = [
        attempt_of(failure, event.decision, kept_call(kept, number))
        for number, failure in enumerate(event.failures, start=1)
    ]
    return failed + last


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
        message = COST_LIMIT_REACHED if isinstance(error, CostLimitReached) else ALL_FAILED
        shown = ProviderError(message, details=_attempt_details(attempts))
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
