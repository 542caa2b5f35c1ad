"""Where each quota stands in requests a second of a load: by arithmetic, and as buckets for the simulation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from bench.scale.demand import Workload
from bench.scale.queueing import rate_of
from bench.scale.quotas import assumed, limit_of, quotas

Kind = Literal["rate", "places", "ramp"]


@dataclass(frozen=True)
class Limit:
    """So many tokens a second, with a bucket; so many places at once; or new environments of each function, with
    those there may be at once. What a load grows out of by itself is `young`; `spared` is what a request goes on
    without."""

    key: str
    kind: Kind
    size: float
    burst: float = 0.0
    young: bool = False
    spared: bool = False

    def times(self, factor: float) -> Limit:
        return replace(self, size=self.size * factor, burst=self.burst * factor)

    def takes(self, load: Workload) -> float:
        """Requests a second of this load for ever; infinite where they need nothing of it."""
        if self.kind == "rate":
            return rate_of(
                self.size, sum(one.tokens.get(self.key, 0) * one.times for one in load.steps)
            )
        if self.kind == "places":
            return rate_of(self.size, sum(one.seconds * one.times for one in load.steps))
        return float("inf")


@cache
def default_limits() -> Mapping[str, Limit]:
    """Those of an account that nothing was raised in."""
    return {one.key: one for one in _limits()}


def _limits() -> Iterator[Limit]:
    for key in ("gateway", "starts", "transitions", "look_ups"):
        yield Limit(key, "rate", limit_of(key), quotas()[key].burst or 0.0)
    yield Limit("concurrency", "places", limit_of("concurrency"))
    # A partition saves nothing up: what comes in one second is what it takes in one.
    for key, quota in (("day", "partition_writes"), ("rows", "table_writes")):
        yield _steady(key, limit_of(quota))
    yield _steady("new_table", limit_of("new_table_writes"), young=True)
    traced = assumed()["traced"]
    yield _steady("traces", limit_of("traces") / (traced["share"] * traced["segments"]))
    burst = quotas()["environments"].burst or 0.0
    yield Limit("environments", "ramp", limit_of("environments"), burst, young=True)


def _steady(key: str, size: float, *, young: bool = False) -> Limit:
    """Of what is done after the answer, or beside it."""
    return Limit(key, "rate", size, size, young, spared=True)


def in_the_way(
    load: Workload, rate: float, limits: Mapping[str, Limit]
) -> list[tuple[Limit, float]]:
    """Those that a load has outgrown, which grew slowly to this rate, and what each takes; the smallest first."""
    stand = [(one, one.takes(load)) for one in limits.values() if not one.young]
    return sorted(((one, takes) for one, takes in stand if takes <= rate), key=lambda pair: pair[1])
