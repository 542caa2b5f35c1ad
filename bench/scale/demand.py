"""What one request asks of AWS, step by step: read from the state machines' definitions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from bench.costs.happy_path import Step as State
from bench.costs.happy_path import happy_path, transitions
from bench.scale.measured import measured
from bench.scale.quotas import assumed

Mode = Literal["sync", "jobs"]
_DEFINITIONS = Path(__file__).parents[2] / "statemachine"
_PROVIDER = "Invoke"


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
            for state in _states("submit"):
                starts = {"starts": 1.0} if state.service == "states:startExecution" else {}
                yield self._step(state, starts)

    def _answered(self) -> Iterator[Step]:
        states = _states("orchestrate")
        for number, state in enumerate(states):
            tokens: dict[str, float] = {}
            if self.mode == "jobs":
                # What is billed beyond the states themselves is taken with the first.
                tokens["transitions"] = 1 if number else 1 + transitions(states) - len(states)
            if state.function == "RecordMetrics":
                tokens |= {"day": assumed()["entry_units"]["value"], "rows": measured().row_units}
            yield self._step(state, tokens)

    def _polled(self) -> Iterator[Step]:
        if self.mode == "jobs":
            tokens = {"gateway": 1.0, "look_ups": 1.0}
            polls = assumed()["polls"]["value"]
            yield Step("look-up", tokens, "Api", self.durations["Api"], polls)

    def _step(self, state: State, tokens: Mapping[str, float]) -> Step:
        if state.service != "lambda:invoke":
            return Step(state.name, tokens)
        function = state.function or _PROVIDER
        return Step(state.name, tokens, function, self.seconds_of(function))


@cache
def _states(name: str) -> list[State]:
    """From the first to an end, where nothing goes wrong and no key is sent."""
    definition = json.loads((_DEFINITIONS / f"{name}.asl.json").read_text("utf-8"))
    given = {"idempotency_key": ""}
    return happy_path(definition["States"], definition["StartAt"], given)


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
