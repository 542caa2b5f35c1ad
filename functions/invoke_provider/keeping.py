"""Keeps what a job's call took: a job that is stopped meanwhile does not hear of it."""

from __future__ import annotations

from functions.invoke_provider.answer import attempt_in
from functions.shared.contracts.states import Attempt, InvokeInput
from functions.shared.errors import EngineError


def keep_failed(called: InvokeInput, error: EngineError, state_table: str) -> None:
    """Nothing of an error that ended no call."""
    if error.call is not None:
        keep(called, attempt_in(called, error), state_table)


def keep(called: InvokeInput, attempt: Attempt, state_table: str) -> None:
    """Of a job alone. Where it cannot be kept, the call's own answer still tells it."""
    profile = called.profile
    if profile.mode == "async":
        # boto3 would take whoever waits for a function without a key 0.2 s to import.
        from functions.shared.money.job_calls import keep_call  # noqa: PLC0415

        keep_call(profile.request_id, len(called.failures) + 1, attempt, state_table)
