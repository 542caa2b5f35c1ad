"""What one request asks of AWS, step by step: read from the state machines' definitions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from bench.scale.measured import measured
from bench.scale.quotas import assumed

Mode = Literal["sync", "jobs"]
_DEFINITIONS = Path(__file__).parents[2] / "statemachine"
_FUNCTION = re.compile(r"\$\{(\w+)Arn\}")
_PROVIDER = "Invoke"
_TURNS = {"Answered?": "Record Metrics", "Key?": "Start Job"}
"""At each choice, the way of a request that nothing goes wrong with and that has no key."""


@dataclass(frozen=True)
class Step:
    """`tokens` are those that each request takes here, by the limit; where a `function` runs, for `seconds`. It is
    gone through `times` times."""

    name: str
    tokens: Mapping[str, float] = field(default_factory=dict)
    function: str | None = None
    seconds: float = 0.0
    times: int = 1


@dataclass(frozen=True)
class Workload:
    """Requests of one kind, of callers without limits. `durations` are the functions' own, in seconds."""

    mode: Mode
    answer_s: float
    durations: Mapping[str, float]

    @property
    def steps(self) -> tuple[Step, ...]:
        """In order; what is refused at one goes through none behind it."""
        return (*self._submitted(), *self._answered(), *self._polled())

    def seconds_of(self, function: str) -> float:
        own = self.durations[function]
        return own + self.answer_s if function == _PROVIDER else own

    def _submitted(self) -> Iterator[Step]:
        yield Step("gateway", {"gateway": 1, "traces": 1})
        if self.mode == "jobs":
            for name, state in path(_definition("submit")):
                starts = state.get("Resource", "").endswith("states:startExecution")
                yield self._step(name, state, {"starts": 1} if starts else {})

    def _answered(self) -> Iterator[Step]:
        for number, (name, state) in enumerate(path(_definition("orchestrate"))):
            tokens: dict[str, float] = {}
            if self.mode == "jobs":
                # AWS counts each step; that it counts the one to the end, too, is the dearer reading.
                tokens["transitions"] = 1 if number else 2
            step = self._step(name, state, tokens)
            if step.function == "RecordMetrics":
                row = {"day": assumed()["entry_units"]["value"]}
                row |= {"rows": measured().row_units}
                step = Step(name, {**tokens, **row}, step.function, step.seconds)
            yield step

    def _polled(self) -> Iterator[Step]:
        if self.mode == "jobs":
            tokens = {"gateway": 1.0, "look_ups": 1.0}
            polls = assumed()["polls"]["value"]
            yield Step("look-up", tokens, "Api", self.durations["Api"], polls)

    def _step(self, name: str, state: Mapping[str, Any], tokens: Mapping[str, float]) -> Step:
        if not state.get("Resource", "").endswith("lambda:invoke"):
            return Step(name, tokens)
        named = _FUNCTION.fullmatch(str(state["Arguments"]["FunctionName"]))
        function = named[1] if named else _PROVIDER
        return Step(name, tokens, function, self.seconds_of(function))


@cache
def _definition(name: str) -> Mapping[str, Any]:
    text = (_DEFINITIONS / f"{name}.asl.json").read_text("utf-8")
    return dict(json.loads(text))


def path(definition: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """States from the first to an end, where nothing goes wrong. Raises `ValueError` where a choice is new."""
    name = definition["StartAt"]
    while name:
        state = definition["States"][name]
        yield name, state
        name = _turn(name, state) if state["Type"] == "Choice" else state.get("Next", "")


def _turn(name: str, state: Mapping[str, Any]) -> str:
    turn = _TURNS.get(name, "")
    if turn not in {one["Next"] for one in state["Choices"]}:
        raise ValueError(f"say which way a request goes at {name}")
    return turn


@cache
def durations() -> Mapping[str, float]:
    """Seconds of each function but for what a provider takes: its processor time on its share of a core, and what
    it waits."""
    core_mb = assumed()["core_mb"]["value"]
    memory_mb, waits_ms = assumed()["memory_mb"], assumed()["waits_ms"]
    return {
        name: (cpu_ms * max(1.0, core_mb / memory_mb[name]) + waits_ms[name]) / 1000
        for name, cpu_ms in measured().cpu_ms.items()
    }
