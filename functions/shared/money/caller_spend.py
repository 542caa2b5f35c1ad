"""What each caller has spent, as additive counts in the state table by minute and by hour.

Keys are no dimension of a metric: each one would be billed as a metric of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.shared.storage.state_table import Change

_COST, _REQUESTS = "cost_nano_usd", "requests"
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_KEPT = {_MINUTE: timedelta(days=2), _HOUR: timedelta(days=32)}
"""Longer than the windows that are read at this step."""


@dataclass(frozen=True)
class CallerSpend:
    requests: int
    cost_nano_usd: int


def spend_changes(caller_id: str, cost_nano_usd: int, now: datetime) -> list[Change]:
    """One finished request."""
    added = {f"{_REQUESTS}|{caller_id}": 1, f"{_COST}|{caller_id}": cost_nano_usd}
    return [
        Change(_id(now, step), int((now + kept).timestamp()), added) for step, kept in _KEPT.items()
    ]


def spend_ids(start: datetime, end: datetime) -> list[str]:
    """The items from `start` up to `end`, by the minute where both are within a day of each other.

    Both lie on a border of that step. At most 1,441 ids.
    """
    step = _MINUTE if end - start <= timedelta(days=1) + _MINUTE else _HOUR
    return [_id(start + number * step, step) for number in range((end - start) // step)]


def spend_of(items: Iterable[Mapping[str, Any]]) -> dict[str, CallerSpend]:
    """The items of `spend_ids`, summed up by caller."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for item in items:
        for attribute, value in item.items():
            name, _, key = attribute.partition("|")
            if key:
                sums[key][name] += int(value)
    return {key: CallerSpend(counts[_REQUESTS], counts[_COST]) for key, counts in sums.items()}


def _id(at: datetime, step: timedelta) -> str:
    return f"spend#{at:%Y-%m-%dT%H:%M}" if step == _MINUTE else f"spend#{at:%Y-%m-%dT%H}"
