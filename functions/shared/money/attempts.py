"""A failed attempt as the books have it, from what the state machine caught."""

from __future__ import annotations

from typing import Any

from functions.shared.contracts.decision import Decision
from functions.shared.contracts.states import Attempt, Call, FailedAttempt
from functions.shared.errors import EngineError, from_execution
from functions.shared.money.budget import Hold
from functions.shared.never_ran import NEVER_RAN


def attempt_of(
    failure: FailedAttempt, decision: Decision, kept: Call | None = None, held: Hold | None = None
) -> Attempt:
    """With what its call took, as its function told, or kept before it crashed; else the call is taken
    for as dear as its answers have been, and its caller's budget is charged all that was `held`."""
    error = from_execution(failure.error.name, failure.error.cause)
    told = error.call
    if told is None and kept is not None:
        told = {name: getattr(kept, name) for name in Call.model_fields}
    call: dict[str, Any] = dict(told or {"waited_ms": 1000 * failure.candidate.waited_seconds})
    if told is None and _may_be_billed(failure, error):
        call["possibly_billed_nano_usd"] = decision.assumed_cost_nano_usd(failure.candidate)
        call["charged_nano_usd"] = held.assumed if held else 0
    return Attempt.model_validate(
        {
            **call,
            "model": failure.candidate.model,
            "provider": failure.candidate.provider,
            "outcome": failure.error.name,
            "message": error.message,
        }
    )


def is_untold(failure: FailedAttempt) -> bool:
    """Whether a call may have been made of which nothing was heard."""
    error = from_execution(failure.error.name, failure.error.cause)
    return error.call is None and _may_be_billed(failure, error)


def _may_be_billed(failure: FailedAttempt, error: EngineError) -> bool:
    """One that AWS did not run never is."""
    return failure.error.name not in NEVER_RAN and error.billed == "assumed"
