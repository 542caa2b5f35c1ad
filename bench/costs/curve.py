"""What a month costs at a rate, here and with the others, and where they cost the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from bench.costs.bill import Bill
from bench.costs.engine import Model
from bench.costs.measured import proxy_cpu_ms
from bench.costs.others import Container, managed_gateway

RATES = tuple(map(Decimal, ("0.1", "0.3", "1", "3", "10", "30", "100", "300", "1000")))
"""Requests a second."""
MonthlyUsd = Callable[[Decimal], Decimal]
_SLOWEST, _FASTEST = Decimal("0.0001"), Decimal(100_000)
_HALVINGS = 80
_FIGURES = 3


@dataclass(frozen=True)
class Curve:
    sync: Bill
    job: Bill
    container: Container
    managed: Bill

    @property
    def by_name(self) -> dict[str, MonthlyUsd]:
        return {
            "this engine, sync": self.sync.usd_a_month,
            "this engine, jobs": self.job.usd_a_month,
            "a container with a proxy": self.container.usd_a_month,
            "AgentCore Gateway": self.managed.usd_a_month,
        }


def curve_of(model: Model) -> Curve:
    return Curve(
        model.sync_bill(),
        model.job_bill(),
        Container(model.assumed, model.deployed.row_days, proxy_cpu_ms()),
        managed_gateway(model.assumed),
    )


def break_even(ours: MonthlyUsd, theirs: MonthlyUsd) -> Decimal | None:
    """The lowest rate from which on we cost more, to three figures; None where we do at any rate."""
    low, high = _SLOWEST, _FASTEST
    if ours(low) > theirs(low):
        return None
    if ours(high) <= theirs(high):
        raise ValueError("we never cost more")
    for _ in range(_HALVINGS):
        middle = (low * high).sqrt()
        if ours(middle) > theirs(middle):
            high = middle
        else:
            low = middle
    return rounded(low)


def rounded(number: Decimal) -> Decimal:
    """To three figures."""
    return round(number, _FIGURES - 1 - number.adjusted())
