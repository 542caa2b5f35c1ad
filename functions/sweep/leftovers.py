"""Attributes of a budget that nobody asks for any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, islice

from functions.shared.money.budget import (
    ALERTED,
    ASSUMED,
    OPENING,
    REFUSED,
    TOKENS,
    Budget,
    minute_of,
    period_names,
)

DAYS_KEPT = timedelta(days=31)
_MONTHS_KEPT = 2
"""As long as they are held against the request log, and no longer: each write is billed by the whole item."""
_ASSUMED_KEPT = timedelta(days=2)
MOST_REMOVED = 100
"""At once: an expression has 4 KB at most.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


def leftovers(budget: Budget, now: datetime) -> tuple[str, ...]:
    """`MOST_REMOVED` of their names at most; the next run finds the others."""
    found = chain(_old_periods(budget, now), _old_minutes(budget, now), _old_assumed(budget, now))
    return tuple(islice(found, MOST_REMOVED))


def _old_periods(budget: Budget, now: datetime) -> Iterator[str]:
    """Periods, and what was noted of them. The names of each kind sort as their times do."""
    day = period_names(f"{now - DAYS_KEPT:%Y-%m-%d}")["day"]
    months = 12 * now.year + now.month - 1 - _MONTHS_KEPT
    month = period_names(f"{months // 12:04}-{months % 12 + 1:02}-01")["month"]
    for attribute in budget.item:
        name = attribute.removeprefix(ALERTED).removeprefix(REFUSED).removeprefix(OPENING)
        if _is_before(name, day) or _is_before(name, month):
            yield attribute


def _is_before(name: str, first: str) -> bool:
    kind, _, _ = first.partition("#")
    return name.startswith(f"{kind}#") and name < first


def _old_minutes(budget: Budget, now: datetime) -> Iterator[str]:
    """But those that a hold is still open in, whose settling would bring them back."""
    this = minute_of(now)
    in_use = {hold.minute for hold in budget.holds()}
    for attribute in budget.item:
        minute = attribute.removeprefix(TOKENS)
        if minute != attribute and minute < this and minute not in in_use:
            yield attribute


def _old_assumed(budget: Budget, now: datetime) -> Iterator[str]:
    """Whose calls will not tell the truth any more."""
    kept_from_s = (now - _ASSUMED_KEPT).timestamp()
    for hold in budget.holds(ASSUMED):
        if hold.expires_at_s < kept_from_s:
            yield ASSUMED + hold.key
