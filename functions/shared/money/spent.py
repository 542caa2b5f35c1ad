"""What a caller has spent of this day and this month, as its requests were recorded, with limits or without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.shared.money.caller_spend import CallerSpend, spend_ids, spend_of
from functions.shared.storage.state_table import StateTable

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Spent:
    """Of the day and of the month of the calendar, UTC."""

    day: CallerSpend
    month: CallerSpend


def spent_so_far(state: StateTable, caller_id: str, now: datetime) -> Spent:
    """Raises `ClientError` and `BotoCoreError`. At most 792 items are read."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    # So long a time is counted by the hour, also on the first of a month.
    start = hour.replace(day=1, hour=0) - timedelta(days=2)
    items = state.read(spend_ids(start, hour + timedelta(hours=1)), consistent=True)
    return Spent(
        day=_of(caller_id, _beginning(items, f"spend#{hour:%Y-%m-%d}")),
        month=_of(caller_id, _beginning(items, f"spend#{hour:%Y-%m}")),
    )


def _beginning(items: Mapping[str, Item], prefix: str) -> Iterator[Item]:
    return (item for id_, item in items.items() if id_.startswith(prefix))


def _of(caller_id: str, items: Iterable[Item]) -> CallerSpend:
    return spend_of(items).get(caller_id, CallerSpend())
