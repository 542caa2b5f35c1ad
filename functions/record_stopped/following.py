"""Records a job that ended from outside. Its running call goes on, and may be billed: what it took is
known once its function has kept it, and assumed once its time is over."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

from functions.record_stopped.history import progress_of
from functions.shared.attempt_limits import OVERRUN_S
from functions.shared.contracts.states import (
    Attempt,
    CaughtError,
    InvokeInput,
    RecordInput,
    json_of,
)
from functions.shared.errors import Aborted, DeadlineExceeded, EngineError
from functions.shared.money.budget import call_key
from functions.shared.money.budget_table import BudgetTable
from functions.shared.money.job_calls import calls_id, kept_call
from functions.shared.settings import StoppedSettings
from functions.shared.storage.clients import client
from functions.shared.storage.state_table import StateTable
from functions.shared.storage.tables import table
from functions.shared.telemetry.observability import logger
from functions.shared.times import stamp

_STOPPED: Mapping[str, EngineError] = {
    "ABORTED": Aborted("The job was stopped."),
    "TIMED_OUT": DeadlineExceeded("The job took too long."),
}


class NotRecorded(Exception):
    """The recording function failed; the message comes again."""


def follow_up(body: str, settings: StoppedSettings) -> None:
    """`body` is EventBridge's event; it goes back into the queue while the job's call may still end.

    Raises what the services raise that it asks, and `NotRecorded`.
    """
    detail = json.loads(body)["detail"]
    execution = client("stepfunctions").describe_execution(executionArn=detail["executionArn"])
    logger.append_keys(request_id=execution["name"])
    progress = progress_of(_history(detail["executionArn"]))
    known = progress.known
    if progress.called:
        called = InvokeInput.model_validate(progress.called)
        attempt = _ended(called, detail["status"], settings)
        if attempt is None:
            client("sqs").send_message(QueueUrl=settings.STOPPED_QUEUE_URL, MessageBody=body)
            return
        known = known | {"attempt": attempt}
    _record(_record_input(execution, detail["status"], known), settings.RECORD_FUNCTION)


def _history(execution_arn: str) -> Iterator[dict[str, Any]]:
    pages = client("stepfunctions").get_paginator("get_execution_history")
    for page in pages.paginate(executionArn=execution_arn):
        yield from page["events"]


def _ended(called: InvokeInput, status: str, settings: StoppedSettings) -> Attempt | None:
    """None while the call may still run."""
    profile, number = called.profile, len(called.failures) + 1
    item = calls_id(profile.request_id)
    kept = StateTable(settings.STATE_TABLE).read([item], consistent=True).get(item, {})
    if attempt := kept_call(kept, number):
        return attempt
    if time.time() * 1000 < profile.deadline_at_ms + 1000 * OVERRUN_S:
        return None
    candidate = called.candidate
    budgets = BudgetTable(table(settings.BUDGETS_TABLE))
    held = budgets.holding(profile.caller_id, profile.caller).hold(
        call_key(profile.request_id, number)
    )
    return Attempt(
        model=candidate.model,
        provider=candidate.provider,
        outcome=type(_STOPPED.get(status, EngineError(""))).__name__,
        waited_ms=1000 * candidate.waited_seconds,
        possibly_billed_nano_usd=called.decision.assumed_cost_nano_usd(candidate),
        charged_nano_usd=held.assumed if held else 0,
    )


def _record_input(
    execution: Mapping[str, Any], status: str, known: Mapping[str, Any]
) -> RecordInput:
    asked = json.loads(execution["input"])
    return RecordInput(
        **{name: asked[name] for name in ("request_id", "caller_id", "mode")},
        **known,
        started_at=stamp(execution["startDate"]),
        error=_error(execution, status),
        stopped_at=stamp(execution["stopDate"]) if "stopDate" in execution else None,
        stopped=cast(Literal["ABORTED", "TIMED_OUT"], status) if status in _STOPPED else None,
    )


def _error(execution: Mapping[str, Any], status: str) -> CaughtError:
    if error := _STOPPED.get(status):
        cause = json.dumps({"errorMessage": str(error)})
        return CaughtError(name=type(error).__name__, cause=cause)
    return CaughtError(name=execution.get("error", ""), cause="")


def _record(request: RecordInput, function_name: str) -> None:
    answered = client("lambda").invoke(
        FunctionName=function_name, Payload=json.dumps(json_of(request)).encode()
    )
    if "FunctionError" in answered:
        raise NotRecorded(request.request_id)
