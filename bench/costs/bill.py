"""A bill: lines of a quantity and a price, and how often each of them comes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from bench.costs.prices import prices

MONTH_S = 730 * 3600
MILLION = 1_000_000
Name = TypeVar("Name")


@dataclass(frozen=True)
class Line:
    """`quantity` of what `price` names. It comes with each request; where there is `every_s`, at most once in so
    many seconds, with the first request of them."""

    component: str
    what: str
    quantity: Decimal
    price: str
    every_s: Decimal = Decimal(0)

    @property
    def usd(self) -> Decimal:
        """Of once."""
        return self.quantity * prices()[self.price].usd

    def times_a_request(self, rate: Decimal) -> Decimal:
        """At so many requests a second."""
        one = Decimal(1)
        return min(one, one / (rate * self.every_s)) if self.every_s else one

    def usd_per_million(self, rate: Decimal) -> Decimal:
        return MILLION * self.usd * self.times_a_request(rate)


@dataclass(frozen=True)
class Bill:
    """`lines` come with requests; `monthly` ones each month, whether or not anybody calls, and those that are
    `used` where somebody does in each hour of it."""

    lines: tuple[Line, ...]
    monthly: tuple[Line, ...] = ()
    used: tuple[Line, ...] = ()

    def usd_per_million(self, rate: Decimal) -> Decimal:
        """Without what comes by the month."""
        return sum((one.usd_per_million(rate) for one in self.lines), Decimal(0))

    @property
    def fixed_usd(self) -> Decimal:
        """Of a month in which nobody calls."""
        return sum((one.usd for one in self.monthly), Decimal(0))

    @property
    def used_usd(self) -> Decimal:
        """Of a month in which somebody calls, without any of the calls."""
        return self.fixed_usd + sum((one.usd for one in self.used), Decimal(0))

    def usd_a_month(self, rate: Decimal) -> Decimal:
        return self.used_usd + self.usd_per_million(rate) * rate * MONTH_S / MILLION

    def by_component(self, rate: Decimal) -> dict[str, Decimal]:
        """USD per million requests."""
        return totals((one.component, one.usd_per_million(rate)) for one in self.lines)

    def terms(self) -> dict[Decimal, Decimal]:
        """USD of once, by `every_s`: what a month is the sum of, beside `used_usd`."""
        return totals((one.every_s, one.usd) for one in self.lines)


def totals(parts: Iterable[tuple[Name, Decimal]]) -> dict[Name, Decimal]:
    added: dict[Name, Decimal] = {}
    for name, usd in parts:
        added[name] = added.get(name, Decimal(0)) + usd
    return added
