"""What a caller has spent of this day and this month, as its requests were recorded, with limits or without."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.shared.money.caller_spend import CallerSpend, spend_ids, spend_of
from functions.shared.storage.state_table import StateTable


@dataclass(frozen=True)
class Spent:
    """Of the day and of the month of the calendar, UTC."""

    day: CallerSpend
    month: CallerSpend


def spent_so_far(state: StateTable, caller_id: str, now: datetime) -> Spent:
    """Raises `ClientError` and `BotoCoreError`. At most 1,440 items are read, on the first of a month, and 744
    on its other days."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    first = hour.replace(day=1, hour=0)
    items = state.read(spend_ids(first, hour + timedelta(hours=1)), consistent=True)
    today = (item for id_, item in items.items() if id_.startswith(f"spend#{hour:%Y-%m-%d}"))
    return Spent(_of(caller_id, today), _of(caller_id, items.values()))


def _of(caller_id: str, items: Iterable[Mapping[str, Any]]) -> CallerSpend:
    return spend_of(items).get(caller_id, CallerSpend())
