"""A request through its states, as the state machine's own definition hands on what each function returns.

Only what an answered request needs of the language is here: its tasks, its choices and its variables. No error is
caught: one ends the measurement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jsonata

from stacks.compute.function_table import PROVIDER_FUNCTIONS
from stacks.compute.machines import ORCHESTRATE, definition

Function = Callable[[Any], Any]
_NULL = jsonata.utils.Utils.NULL_VALUE
_BEGIN, _END = "{% ", " %}"


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
                called = _value(state["Arguments"], variables, states)
                states["result"] = {"Payload": self._called(called)}
            elif state["Type"] == "Choice":
                rules = (
                    one for one in state["Choices"] if _value(one["Condition"], variables, states)
                )
                step = next(rules, {"Next": state["Default"]})
            elif state["Type"] == "Fail":
                raise RuntimeError(_value(state["Cause"], variables, states))
            new = _value(step.get("Assign", {}), variables, states)
            result = states.get("result", given)
            given = _value(step["Output"], variables, states) if "Output" in step else result
            variables |= new
            name = step.get("Next", "")
        return given

    def _called(self, arguments: Mapping[str, Any]) -> Any:
        """What the function returns, where somebody waits for it; it is called either way."""
        answer = self._functions[arguments["FunctionName"]](arguments["Payload"])
        return "" if arguments.get("InvocationType") == "Event" else answer


def _value(template: Any, variables: Mapping[str, Any], states: Mapping[str, Any]) -> Any:
    if isinstance(template, dict):
        return {name: _value(one, variables, states) for name, one in template.items()}
    if isinstance(template, list):
        return [_value(one, variables, states) for one in template]
    if not isinstance(template, str) or not template.startswith(_BEGIN):
        return template
    expression = _expression(template.removeprefix(_BEGIN).removesuffix(_END))
    # The engine takes what it is given apart, and to it None is a variable that is not there.
    bound = json.loads(json.dumps({**variables, "states": states}))
    told = {name: _NULL if value is None else value for name, value in bound.items()}
    result = expression.evaluate(None, told)
    return None if result is _NULL else result


@cache
def _expression(text: str) -> Any:
    expression = jsonata.Jsonata.jsonata(text)
    expression.register_lambda("parse", json.loads)
    return expression
