"""Step Functions: the log of a state machine, which upstream keeps the settings of and never writes.

AWS leaves out inputs and outputs where execution data is not included, but not the error and the cause
of a failure, as its answers show that localstack/localstack keeps in
tests/aws/services/stepfunctions/v2/logs/test_logs.snapshot.json.
"""

from __future__ import annotations

import json
import time
from typing import Any

from ministack.services import stepfunctions

from local.emulator.executions import add_event
from local.emulator.log_events import put

_EVENTS = {
    "FATAL": {"ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"},
    "ERROR": {
        "ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut", "FailStateEntered", "TaskFailed",
    },
    "OFF": set(),
}  # fmt: skip
"""By level: https://docs.aws.amazon.com/step-functions/latest/dg/cloudwatch-log-level.html"""
_DATA = ("input", "output")


def _logged(execution: dict[str, Any], kind: str, details: dict[str, Any] | None = None) -> Any:
    event = add_event(execution, kind, details)
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
    settings = machine.get("loggingConfiguration") or {}
    level = settings.get("Level", "OFF")
    if settings.get("IncludeExecutionData") or level not in _EVENTS:
        raise NotImplementedError(f"a state machine's log with its data, or at the level {level}")
    if kind in _EVENTS[level]:
        group = settings["Destinations"][0]["CloudWatchLogsLogGroup"]["LogGroupArn"]
        stream = f"states/{machine['name']}/{time.strftime('%Y-%m-%d-%H-%M', time.gmtime())}"
        put(group, stream, _line(execution, event))
    return event


def _line(execution: dict[str, Any], event: dict[str, Any]) -> str:
    found: dict[str, Any] = next(
        (part for name, part in event.items() if name.endswith("EventDetails")), {}
    )
    line = {
        "id": str(event["id"]),
        "type": event["type"],
        "details": {name: value for name, value in found.items() if name not in _DATA},
        "previous_event_id": str(event["id"] - 1),
        "event_timestamp": str(int(time.time() * 1000)),
        "execution_arn": execution["executionArn"],
        "redrive_count": "0",
    }
    return json.dumps(line)


def install() -> None:
    """Replace ministack's function."""
    stepfunctions._add_event = _logged
