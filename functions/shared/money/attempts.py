"""A failed attempt as the books have it, from what the state machine caught."""

from __future__ import annotations

from typing import Any

from functions.shared.contracts.decision import Decision
from functions.shared.contracts.states import Attempt, FailedAttempt
from functions.shared.errors import EngineError, from_execution
from functions.shared.never_ran import NEVER_RAN


def attempt_of(failure: FailedAttempt, decision: Decision) -> Attempt:
    """With what its call took, as its function told; where that crashed, the call is taken for as dear
    as its answers have been."""
    error = from_execution(failure.error.name, failure.error.cause)
    call: dict[str, Any] = dict(error.call or {"waited_ms": 1000 * failure.waited_seconds})
    if error.call is None and _may_be_billed(failure, error):
        ranked = decision.ranked(failure.candidate.model)
        call["possibly_billed_nano_usd"] = ranked.estimated_cost_nano_usd
    return Attempt.model_validate(
        {
            **call,
            "model": failure.candidate.model,
            "provider": failure.candidate.provider,
            "outcome": failure.error.name,
            "message": error.message,
        }
    )


def _may_be_billed(failure: FailedAttempt, error: EngineError) -> bool:
    """A simulated call never is, nor one that AWS did not run."""
    is_real = not failure.candidate.mock and failure.error.name not in NEVER_RAN
    return is_real and error.billed == "assumed"
