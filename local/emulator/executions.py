"""Step Functions: AWS's refusals to start an execution, and a few of a running one's rules."""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Any

from ministack.services import stepfunctions

from functions.shared.well_formed import well_formed_text
from local.emulator import async_invocations, traces

MAX_INPUT_BYTES = 262_144
"""Of an execution's input, of a state's input, output and result, and of what an Assign sets:
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
_TOO_LARGE = "exceeds the maximum number of bytes service limit."

_start = stepfunctions._start_execution
_start_sync = stepfunctions._start_sync_execution
_execute_task = stepfunctions._execute_task
_fail_execution = stepfunctions._fail_execution
_apply_arguments = stepfunctions._apply_jsonata_arguments
_apply_output = stepfunctions._apply_jsonata_output
_start_nested = stepfunctions._invoke_nested_start_execution
_add_event = stepfunctions._add_event
_scheduled = threading.local()

_NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")


def _refusal(request: dict[str, Any]) -> Any:
    """Upstream accepts an input of any length and any name."""
    if len(request.get("input", "").encode("utf-8", "surrogatepass")) > MAX_INPUT_BYTES:
        return stepfunctions.error_response_json(
            "ValidationException",
            "1 validation error detected: Value at 'input' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MAX_INPUT_BYTES}",
        )
    name = request.get("name")
    if name is not None and not _NAME.fullmatch(name):
        return stepfunctions.error_response_json("InvalidName", f"Invalid Name: '{name}'")
    return None


def _running_twin(request: dict[str, Any]) -> Any:
    """AWS answers a repeated name with the running execution when the input is the same, too.

    Upstream refuses it as ExecutionAlreadyExists.
    """
    machine = stepfunctions._state_machines.get(request.get("stateMachineArn"))
    if machine is None or "name" not in request:
        return None
    arn = machine["stateMachineArn"].replace(":stateMachine:", ":execution:")
    twin = stepfunctions._executions.get(f"{arn}:{request['name']}")
    if twin and twin["status"] == "RUNNING" and twin["input"] == request.get("input", "{}"):
        started = {"executionArn": twin["executionArn"], "startDate": twin["startDate"]}
        return stepfunctions.json_response(started)
    return None


def _encoded(request: dict[str, Any]) -> dict[str, Any]:
    """Upstream cannot write back half of a surrogate pair. What AWS has in its place is not documented."""
    return {**request, "input": well_formed_text(request.get("input", "{}"))}


def _start_execution(request: dict[str, Any]) -> Any:
    request = _encoded(request)
    with traces.within(traces.root_of(request.get("traceHeader"))):
        return _refusal(request) or _running_twin(request) or _start(request)


def _start_sync_execution(request: dict[str, Any]) -> Any:
    request = _encoded(request)
    with traces.within(traces.root_of(request.get("traceHeader"))):
        return _refusal(request) or _ended(_start_sync(request))


def _ended(answer: Any) -> Any:
    """Upstream keeps an execution with all that its states saw; AWS keeps nothing of an Express one.

    https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
    """
    stepfunctions._executions.pop(json.loads(answer[2]).get("executionArn"), None)
    return answer


def _nested(resource: str, arguments: Any) -> Any:
    """Upstream has the API's names of errors; a state has them with the service's in front, as in
    `StepFunctions.ExecutionAlreadyExistsException`."""
    try:
        return _start_nested(resource, arguments)
    except stepfunctions._ExecutionError as error:
        name = f"StepFunctions.{error.error.removesuffix('Exception')}Exception"
        raise stepfunctions._ExecutionError(name, error.cause) from None


def _fail(execution: dict[str, Any], error: str, cause: str) -> None:
    """Upstream lets an aborted execution fail afterwards, when its running task does."""
    if cause.endswith(_TOO_LARGE):
        error = "States.DataLimitExceeded"
    if execution["status"] == "RUNNING":
        _fail_execution(execution, error, cause)


def _task(state: dict[str, Any], state_input: Any, execution: Any, context: Any) -> Any:
    """Upstream takes TimeoutSeconds for a number although JSONata may compute it."""
    if isinstance(state.get("TimeoutSeconds"), str):
        seconds = stepfunctions._jsonata_state_field(
            state, "TimeoutSeconds", "number", state_input, context
        )
        state = {**state, "TimeoutSeconds": seconds}
    return _execute_task(state, state_input, execution, context)


def _assign(
    state: dict[str, Any],
    state_input: Any,
    context: Any,
    result: Any = None,
    error_output: Any = None,
) -> None:
    """Upstream assigns one by one, so that an expression sees the values that the same Assign
    has just set; on AWS all of them see the values from before."""
    if stepfunctions._state_query_language(state, context) == "JSONata":
        before = context.setdefault("variables", {})
        assigned = {
            name: stepfunctions._apply_jsonata_template(
                template, state_input, context, result=result, error_output=error_output
            )
            for name, template in state.get("Assign", {}).items()
        }
        before.update(_bounded(assigned, "A variable of the state"))


def _bounded(value: Any, what: str) -> Any:
    """Ends the execution, past every Catch: upstream fails it for an exception that is no state's."""
    if _bytes(value) > MAX_INPUT_BYTES:
        raise ValueError(f"{what} {_TOO_LARGE}")
    return value


def _bytes(value: Any) -> int:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode("utf-8", "surrogatepass"))


def _arguments(*state: Any) -> Any:
    _scheduled.arguments = _bounded(_apply_arguments(*state), "The input of the task")
    return _scheduled.arguments


def add_event(execution: dict[str, Any], kind: str, details: dict[str, Any] | None = None) -> Any:
    """Upstream leaves out what a task was scheduled with. `machine_log` installs it, with its own."""
    if kind == "TaskScheduled" and details:
        parameters = {"parameters": json.dumps(_scheduled.arguments)}
        [(name, told)] = details.items()
        details = {name: {**told, **parameters}}
    return _add_event(execution, kind, details)


def _output(*state: Any, **results: Any) -> Any:
    return _bounded(_apply_output(*state, **results), "The output of the state")


def _invoke(resource: str, arguments: Any) -> Any:
    """A result that is too large fails its task, and AWS lets `States.ALL` catch that, as recorded in
    localstack/localstack, tests/aws/services/stepfunctions (`data_limit_exceeded`)."""
    result = async_invocations.invoked(resource, arguments)
    if _bytes(result) > MAX_INPUT_BYTES:
        raise stepfunctions._ExecutionError(
            "States.DataLimitExceeded",
            f"The state/task '{resource}' returned a result with a size exceeding the maximum"
            " number of bytes service limit.",
        )
    return result


class _Clock:
    """`time`, except that an execution starts at once: upstream sleeps 150 ms before each."""

    _START_DELAY_S = 0.15

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        """Sleep, unless it is the delay of the start."""
        if seconds != self._START_DELAY_S:
            time.sleep(seconds)


def install() -> None:
    """Replace ministack's functions."""
    stepfunctions._start_execution = _start_execution
    stepfunctions._start_sync_execution = _start_sync_execution
    stepfunctions._invoke_nested_start_execution = _nested
    stepfunctions._execute_task = _task
    stepfunctions._fail_execution = _fail
    stepfunctions._apply_state_assign = _assign
    stepfunctions._apply_jsonata_arguments = _arguments
    stepfunctions._apply_jsonata_output = _output
    stepfunctions._invoke_resource = _invoke
    stepfunctions.time = _Clock()
