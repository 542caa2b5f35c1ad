"""How a request ended: the error to show, and its attempts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.shared.contracts.error_body import LONGER_THAN_ANY_WINDOW
from functions.shared.contracts.states import Attempt, RecordInput
from functions.shared.errors import (
    BudgetUnavailable,
    ContextWindowExceeded,
    CostLimitReached,
    DeadlineExceeded,
    EngineError,
    InvalidRequest,
    ProviderError,
    RateLimited,
    RequestDoubted,
    RequestUnsupported,
    TokensExceeded,
    from_execution,
    problem_at,
)
from functions.shared.money.attempts import attempt_of
from functions.shared.money.budget import Budget, call_key
from functions.shared.money.job_calls import kept_call
from functions.shared.never_ran import TOO_MANY_REQUESTS

_REFUSED = (RequestDoubted, RequestUnsupported)

ALL_FAILED = "Every candidate failed; details lists the attempts."
COST_LIMIT_REACHED = (
    "What is left of max_cost_usd pays for no other candidate; details lists the attempts."
)


def attempts_of(event: RecordInput, kept: Mapping[str, Any], budget: Budget) -> list[Attempt]:
    """Every attempt in order: the failed ones, then the one that answered or was refused. Of what a call
    took that was not told, what is `kept`, else what the caller's `budget` holds for it."""
    last = [event.attempt] if event.attempt else []
    if event.decision is None:
        return last
    failed = [
        attempt_of(
            failure,
            event.decision,
            kept_call(kept, number),
            budget.hold(call_key(event.request_id, number)),
        )
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
        problem = problem_at("body", LONGER_THAN_ANY_WINDOW)
        return InvalidRequest("The request is too long.", details=[problem])
    if _is_refused(error, event):
        return InvalidRequest(error.message)
    return _all_failed(error, event, attempts) if _has_failed(error, event) else error


def _has_failed(error: EngineError, event: RecordInput) -> bool:
    """Whether candidates failed, and not just for AWS had no room to run them; a limit of the caller's own is
    told as such, whatever failed before."""
    if not event.failures or all(one.error.name == TOO_MANY_REQUESTS for one in event.failures):
        return False
    if isinstance(error, TokensExceeded | BudgetUnavailable):
        return False
    return isinstance(error, ProviderError | RateLimited) or type(error) is EngineError


def _all_failed(error: EngineError, event: RecordInput, attempts: list[Attempt]) -> ProviderError:
    message = COST_LIMIT_REACHED if isinstance(error, CostLimitReached) else ALL_FAILED
    shown = ProviderError(message, details=_attempt_details(attempts))
    shown.retry_after_seconds = _back_in_s(event) or error.retry_after_seconds
    return shown


def _is_refused(error: EngineError, event: RecordInput) -> bool:
    """Whether nothing else than the request was at fault, as far as its providers told."""
    if not isinstance(error, _REFUSED):
        return False
    failures = [one.error.name for one in event.failures]
    return event.attempt is not None or {*failures} <= {one.__name__ for one in _REFUSED}


def _back_in_s(event: RecordInput) -> int:
    """The least of the waits that were told; 0 where none was."""
    caught = [from_execution(one.error.name, one.error.cause) for one in event.failures]
    return min((one.retry_after_seconds for one in caught if one.retry_after_seconds), default=0)


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
