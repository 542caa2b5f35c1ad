"""A load that runs into limits, in steps of a twentieth of a second. Seeded: it ends the same each time.

Requests arrive at random (Poisson) at a rate. At each step of theirs they take tokens and, where a function runs,
a place of the account and an environment of the function. What finds none is refused and gone: no retries, which
would only add to what is too much. Where a row is refused, its request goes on: the answer was given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from bench.scale.demand import Step, Workload
from bench.scale.limits import Limit
from bench.scale.queueing import TokenBucket

TICK_S = 0.05
_SEED = 7


@dataclass
class Refusals:
    """Of one limit: when the first was, and of how many requests that arrived at all."""

    first_s: float | None = None
    refused: int = 0
    arrived: int = 0

    @property
    def share(self) -> float:
        return self.refused / self.arrived if self.arrived else 0.0


@dataclass
class _Places:
    """What is busy, in all and by function; what takes less than a tick is so for its part of one."""

    size: float
    busy: float = 0.0
    of: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    freed: dict[int, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))

    def free_at(self, tick: int) -> None:
        for function, places in self.freed.pop(tick, ()):
            self.busy -= places
            self.of[function] -= places

    def take(self, step: Step, number: int, tick: int) -> None:
        places = number * min(1.0, step.seconds / TICK_S)
        self.busy += places
        self.of[str(step.function)] += places
        self.freed[tick + max(1, round(step.seconds / TICK_S))].append((str(step.function), places))

    def room(self, step: Step) -> int:
        each = min(1.0, step.seconds / TICK_S)
        return int(max(0.0, self.size - self.busy) / each + 1e-9)


class Simulation:
    """Of one load under some limits. Time goes on through all of its runs."""

    def __init__(
        self, load: Workload, limits: Mapping[str, Limit], *, evenly: bool = False
    ) -> None:
        """Requests come `evenly`, or at random."""
        self._steps = load.steps
        self._limits = dict(limits)
        self._buckets: dict[str, TokenBucket] = {}
        self._places = _Places(float("inf"))
        self._there: dict[str, float] = defaultdict(float)
        self._waiting: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._random = None if evenly else Random(_SEED)  # noqa: S311 - a simulation
        self._tick = 0
        for one in limits.values():
            self.put(one)

    def put(self, limit: Limit) -> None:
        """Instead of the one of its key."""
        self._limits[limit.key] = limit
        if limit.kind == "rate":
            self._buckets[limit.key] = TokenBucket(limit.size, max(limit.burst, 1.0), self._now_s)
        elif limit.kind == "places":
            self._places.size = limit.size

    @property
    def _now_s(self) -> float:
        return self._tick * TICK_S

    def run(self, rate: float, seconds: float) -> dict[str, Refusals]:
        """By limit, those that refused something; times from the beginning of this run."""
        told: dict[str, Refusals] = defaultdict(Refusals)
        arrived = 0
        began, ends = self._tick, self._tick + round(seconds / TICK_S)
        next_s = self._now_s if self._random is None else self._now_s + self._gap_s(rate)
        while self._tick < ends:
            arrivals = 0
            while next_s < self._now_s + TICK_S:
                arrivals += 1
                next_s += self._gap_s(rate)
            self._waiting[self._tick][0] += arrivals
            arrived += arrivals
            self._places.free_at(self._tick)
            self._go_on(told, (self._tick - began) * TICK_S)
            self._tick += 1
        return {key: replace(one, arrived=arrived) for key, one in told.items() if one.refused}

    def _gap_s(self, rate: float) -> float:
        return 1 / rate if self._random is None else self._random.expovariate(rate)

    def _go_on(self, told: dict[str, Refusals], at_s: float) -> None:
        waiting = self._waiting.pop(self._tick)
        for number, step in enumerate(self._steps):
            came = waiting.get(number, 0)
            for _ in range(step.times):
                passed = self._enter(step, came, told, at_s)
            if not came or number + 1 == len(self._steps):
                continue
            later = round(step.seconds / TICK_S)
            target = self._waiting[self._tick + later] if later else waiting
            target[number + 1] = target.get(number + 1, 0) + passed

    def _enter(self, step: Step, came: int, told: dict[str, Refusals], at_s: float) -> int:
        for key, each in step.tokens.items():
            # A young table has the same writes before it.
            for name in (key, "new_table") if key == "rows" else (key,):
                came = self._pay(name, each, came, told, at_s)
        if not came or not step.seconds:
            return came
        if "concurrency" in self._limits:
            came = _counted(told["concurrency"], came, min(came, self._places.room(step)), at_s)
        if "environments" in self._limits:
            came = _counted(told["environments"], came, self._started(step, came), at_s)
        self._places.take(step, came, self._tick)
        return came

    def _pay(self, key: str, each: float, came: int, told: dict[str, Refusals], at_s: float) -> int:
        limit = self._limits.get(key)
        if limit is None or not came:
            return came
        paid = self._buckets[key].take(came, each, self._now_s)
        passed = _counted(told[key], came, paid, at_s)
        return came if limit.spared else passed

    def _started(self, step: Step, came: int) -> int:
        """How many find an environment of their function, or get a new one."""
        function, limit = str(step.function), self._limits["environments"]
        each = min(1.0, step.seconds / TICK_S)
        idle = int((self._there[function] - self._places.of[function]) / each + 1e-9)
        if came <= idle:
            return came
        key = f"environments of {function}"
        bucket = self._buckets.setdefault(key, TokenBucket(limit.size, limit.burst, self._now_s))
        granted = max(0, idle) + bucket.take(came - max(0, idle), each, self._now_s)
        self._there[function] = max(
            self._there[function], self._places.of[function] + granted * each
        )
        return granted


def _counted(told: Refusals, came: int, granted: int, at_s: float) -> int:
    told.refused += came - granted
    if granted < came and told.first_s is None:
        told.first_s = at_s
    return granted


def order(
    load: Workload, limits: Mapping[str, Limit], rates: Iterable[float], seconds: float
) -> list[str]:
    """What refuses first, second and so on while a load grows by these rates, each for so long, request after
    request in equal steps. Whatever refuses is raised for good, as an operator would, and the rate comes again."""
    found = list[str]()
    simulation = Simulation(load, limits, evenly=True)
    for rate in rates:
        while len(found) < len(limits) and (refused := simulation.run(rate, seconds)):
            first = min(refused, key=lambda key: (refused[key].first_s, key))
            found.append(first)
            simulation.put(limits[first].times(1_000_000))
    return found
