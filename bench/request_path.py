"""A request through its states, as the state machine's own definition hands on what each function returns.

Only what an answered request needs of the language is here: its tasks, its choices and its variables. No error is
caught: one ends the measurement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from local.jsonata_templates import value_of
from stacks.compute.function_table import PROVIDER_FUNCTIONS
from stacks.compute.machines import ORCHESTRATE, definition

Function = Callable[[Any], Any]


class RequestPath:
    """`functions` by the names of their table; they are called with what the definition makes their payload."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        providers = [row.provider for row in PROVIDER_FUNCTIONS]
        read = json.loads(definition(ORCHESTRATE, 26_000, providers))
        self._states, self._begins_at = read["States"], read["StartAt"]
        self._functions = {f"${{{name}Arn}}": one for name, one in functions.items()}

    def run(self, execution_input: Mapping[str, Any]) -> Any:
        """What the caller gets."""
        now = datetime.now(UTC).isoformat()
        context = {
            "Execution": {"Input": dict(execution_input), "StartTime": now},
            "State": {"RetryCount": 0, "EnteredTime": now},
        }
        variables, name, given = dict[str, Any](), self._begins_at, dict(execution_input)
        while name:
            state = self._states[name]
            states: dict[str, Any] = {"input": given, "context": context}
            step = state
            if state["Type"] == "Task":
                called = value_of(state["Arguments"], variables, states)
                states["result"] = {"Payload": self._called(called)}
            elif state["Type"] == "Choice":
                rules = (
                    one for one in state["Choices"] if value_of(one["Condition"], variables, states)
                )
                step = next(rules, {"Next": state["Default"]})
            elif state["Type"] == "Fail":
                raise RuntimeError(value_of(state["Cause"], variables, states))
            new = value_of(step.get("Assign", {}), variables, states)
            result = states.get("result", given)
            given = value_of(step["Output"], variables, states) if "Output" in step else result
            variables |= new
            name = step.get("Next", "")
        return given

    def _called(self, arguments: Mapping[str, Any]) -> Any:
        """What the function returns, where somebody waits for it; it is called either way."""
        answer = self._functions[arguments["FunctionName"]](arguments["Payload"])
        return "" if arguments.get("InvocationType") == "Event" else answer
