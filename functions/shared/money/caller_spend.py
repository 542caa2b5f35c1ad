"""What each caller has spent, as additive counts in the state table by minute and by hour of the record.

Keys are no dimension of a metric: each one would be billed as a metric of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.shared.storage.state_table import Change

_REQUESTS = "requests"
_AMOUNTS = ("cost_nano_usd", "possibly_billed_nano_usd", "simulated_cost_nano_usd")
"""Of a row and of its caller's counts: billed, perhaps billed, and billed by nobody."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_KEPT = {_MINUTE: timedelta(days=2), _HOUR: timedelta(days=32)}
"""Longer than the windows that are read at this step."""


Row = Mapping[str, Any]
"""Of the request log, JSON values."""


@dataclass(frozen=True)
class CallerSpend:
    requests: int = 0
    cost_nano_usd: int = 0
    possibly_billed_nano_usd: int = 0
    simulated_cost_nano_usd: int = 0


def spend_changes(row: Row) -> Iterator[Change]:
    """What a request adds to its caller's counts, in the minute and in the hour in which it was recorded."""
    finished_at = datetime.fromisoformat(row["finished_at"])
    amounts = {name: row[name] for name in _AMOUNTS if row.get(name)} | {_REQUESTS: 1}
    added = {f"{name}|{row['caller_id']}": amount for name, amount in amounts.items()}
    for step, kept in _KEPT.items():
        at = finished_at - (finished_at - _EPOCH) % step
        yield Change(_id(at, step), int((at + kept).timestamp()), added)


def spend_ids(start: datetime, end: datetime) -> list[str]:
    """The items from `start` up to `end`, by the minute where both are within a day of each other.

    Both lie on a border of that step. At most 1,441 ids.
    """
    step = _MINUTE if end - start <= timedelta(days=1) + _MINUTE else _HOUR
    return [_id(start + number * step, step) for number in range((end - start) // step)]


def spend_of(items: Iterable[Mapping[str, Any]]) -> dict[str, CallerSpend]:
    """The items of `spend_ids`, summed up by caller."""
    sums: dict[str, Counter[str]] = {}
    for item in items:
        for attribute, value in item.items():
            name, _, key = attribute.partition("|")
            if key:
                sums.setdefault(key, Counter())[name] += int(value)
    return {key: CallerSpend(**counts) for key, counts in sums.items()}


def _id(at: datetime, step: timedelta) -> str:
    return f"spend#{at:%Y-%m-%dT%H:%M}" if step == _MINUTE else f"spend#{at:%Y-%m-%dT%H}"
