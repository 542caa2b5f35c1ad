"""Runs the definition of a state machine in the test's own process, by the engine for its
expressions that the local AWS has, and with the real handlers: nobody waits, and no function is missing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from functions.shared.errors import EngineError
from local.jsonata_templates import value_of
from stacks.compute.function_table import PROVIDER_FUNCTIONS, provider_function_name
from stacks.compute.machines import ORCHESTRATE, SUBMIT, definition
from tests.support.gateway_events import LambdaStub

Function = Callable[[dict[str, Any], Any], dict[str, Any]]
_PROVIDERS = [row.provider for row in PROVIDER_FUNCTIONS]


@dataclass
class Run:
    """`output` is what the execution answers, or the JSON of its cause."""

    path: list[str] = field(default_factory=list)
    output: Any = None
    error: str | None = None


class Machine:
    """`functions` by the names of their table, and `invoke` for every provider's; each is handed an event
    once, or as often as `deliveries` says, and the first answer counts."""

    path: Path = ORCHESTRATE

    def __init__(self, invoke: Function, deliveries: int = 1, **functions: Function) -> None:
        text = definition(self.path, 26_000, _PROVIDERS).replace("${ListedSeconds}", "86400")
        read = json.loads(text)
        self._states, self._begins_at = read["States"], read["StartAt"]
        invoked = {provider_function_name(name): invoke for name in _PROVIDERS}
        named = {**functions, **invoked}
        self._functions = {f"${{{name}Arn}}": one for name, one in named.items()}
        self._deliveries = deliveries
        self.wait: Callable[[int], None] = _go_on

    def run(self, execution_input: dict[str, Any]) -> Run:
        context = {
            "Execution": {
                "Input": execution_input,
                "StartTime": _now(),
            },
        }
        run, variables, name = Run(), dict[str, Any](), self._begins_at
        given: Any = execution_input
        while name:
            state = self._states[name]
            run.path.append(name)
            entered = {"RetryCount": 0, "EnteredTime": _now()}
            states = {"input": given, "context": context | {"State": entered}}
            step, states = self._step(state, variables, states)
            if state["Type"] == "Fail":
                run.error = value_of(state["Error"], variables, states)
                run.output = json.loads(value_of(state["Cause"], variables, states))
                return run
            new = value_of(step.get("Assign", {}), variables, states)
            result = states.get("result", given)
            output = value_of(step["Output"], variables, states) if "Output" in step else result
            variables, given, run.output = variables | new, output, output
            name = step.get("Next", "")
        return run

    def _step(
        self, state: dict[str, Any], variables: dict[str, Any], states: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What says where to go on, with the state's result or its error."""
        if state["Type"] == "Choice":
            rules = (
                one for one in state["Choices"] if value_of(one["Condition"], variables, states)
            )
            return next(rules, {"Next": state["Default"]}), states
        if state["Type"] == "Wait":
            self.wait(value_of(state["Seconds"], variables, states))
        if state["Type"] != "Task":
            return state, states
        called = value_of(state["Arguments"], variables, states)
        try:
            result = self._result(state["Resource"], called)
        except Exception as error:
            caught = {
                "Error": type(error).__name__,
                "Cause": json.dumps(
                    {"errorType": type(error).__name__, "errorMessage": str(error)}
                ),
            }
            rule = next(
                one
                for one in state["Catch"]
                if {caught["Error"], "States.ALL"} & {*one["ErrorEquals"]}
            )
            return rule, states | {"errorOutput": caught}
        return state, states | {"result": result}

    def _result(self, resource: str, called: dict[str, Any]) -> Any:
        assert resource == "arn:aws:states:::lambda:invoke"
        function = self._functions[called["FunctionName"]]
        if called.get("InvocationType") == "Event":
            self._queued(function, called["Payload"])
            return {"StatusCode": 202, "Payload": ""}
        return {"Payload": self._called(function, called["Payload"])}

    def _queued(self, function: Function, payload: dict[str, Any]) -> None:
        """As Lambda runs what nobody waits for, and repeats what fails."""
        for _ in range(3):
            with suppress(Exception):
                self._called(function, payload)
                return

    def _called(self, function: Function, payload: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(payload)
        try:
            return json.loads(json.dumps(function(json.loads(text), LambdaStub())))
        finally:
            for _ in range(self._deliveries - 1):
                # Whatever comes of it, nobody hears.
                with suppress(EngineError):
                    function(json.loads(text), LambdaStub())


class Submission(Machine):
    """Accepts jobs, and lists none; `started` are the inputs of their executions by name."""

    path = SUBMIT

    def __init__(self, deliveries: int = 1, **functions: Function) -> None:
        super().__init__(_no_provider, deliveries, **functions)
        self.started: dict[str, dict[str, Any]] = {}

    def _result(self, resource: str, called: dict[str, Any]) -> Any:
        if resource == "arn:aws:states:::states:startExecution":
            if called["Name"] in self.started:
                raise _AlreadyExists
            self.started[called["Name"]] = called["Input"]
            return {}
        if resource == "arn:aws:states:::dynamodb:putItem":
            return {}
        return super()._result(resource, called)


_AlreadyExists = type("StepFunctions.ExecutionAlreadyExistsException", (Exception,), {})


def _go_on(seconds: int) -> None:
    """Nobody waits."""


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat()


def _no_provider(event: dict[str, Any], context: Any) -> dict[str, Any]:
    raise AssertionError("A submission calls no provider.")
