"""The way of a request that nothing goes wrong with, through the definition of a state machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.jsonata_templates import value_of

_FUNCTION = re.compile(r"\$\{(\w+)Arn\}")
_SERVICES = "arn:aws:states:::"


@dataclass(frozen=True)
class Step:
    """`service` is what a task calls, as `lambda:invoke`; `function` names what it invokes, and is None where the
    candidate decides; what is not `awaited` runs on by itself."""

    name: str
    service: str = ""
    function: str | None = None
    awaited: bool = True


def happy_path(states: Mapping[str, Any], start: str, given: Mapping[str, Any]) -> list[Step]:
    """Steps from `start` to an end. `given` is the execution's input, and no variable holds an error."""
    path, name = list[Step](), start
    while name:
        state = states[name]
        path.append(_step(name, state))
        name = _chosen(state, given) if state["Type"] == "Choice" else state.get("Next", "")
    return path


def transitions(path: list[Step]) -> int:
    """Billed ones of a Standard machine: each step, the one to the end included. AWS says "each time a step of
    your workflow is executed"; whether the end is one it does not, and this is the dearer reading."""
    return len(path) + 1


def _step(name: str, state: Mapping[str, Any]) -> Step:
    if state["Type"] != "Task":
        return Step(name)
    called = state["Arguments"]
    named = _FUNCTION.fullmatch(str(called.get("FunctionName", "")))
    return Step(
        name,
        state["Resource"].removeprefix(_SERVICES),
        named[1] if named else None,
        called.get("InvocationType") != "Event",
    )


def _chosen(state: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    states = {"input": given, "context": {"Execution": {"Input": given}}}
    rules = (one for one in state["Choices"] if value_of(one["Condition"], {"error": None}, states))
    return str(next(rules, {"Next": state.get("Default")})["Next"])
