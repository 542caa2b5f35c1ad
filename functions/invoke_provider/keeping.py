"""Keeps what a job's call took: a job that is stopped meanwhile does not hear of it."""

from __future__ import annotations

from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from functions.invoke_provider.answer import attempt_in
from functions.shared.contracts.states import Attempt, InvokeInput
from functions.shared.errors import EngineError
from functions.shared.money.job_calls import call_change
from functions.shared.storage.state_table import StateTable
from functions.shared.telemetry.observability import logger


def keep_failed(called: InvokeInput, error: EngineError, state_table: str) -> None:
    """Nothing of an error that ended no call."""
    if error.call is not None:
        keep(called, attempt_in(called, error), state_table)


def keep(called: InvokeInput, attempt: Attempt, state_table: str) -> None:
    """Of a job alone. Where it cannot be kept, the call's own answer still tells it."""
    profile = called.profile
    if profile.mode != "async":
        return
    number = len(called.failures) + 1
    change = call_change(profile.request_id, number, attempt, datetime.now(UTC))
    try:
        StateTable(state_table).add(change)
    except (BotoCoreError, ClientError) as failure:
        logger.warning("call not kept", error_type=type(failure).__name__)
