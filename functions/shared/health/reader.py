"""The one reader of health: what a function instance has read lately serves all that it is asked."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.shared.contracts.decision import ModelHealth
from functions.shared.health.counts import health_ids, health_of
from functions.shared.storage.state_table import StateTable
from functions.shared.telemetry.observability import logger

MAX_AGE_S = 5.0
"""A circuit that opens is seen that much later."""

Health = Mapping[str, ModelHealth]
"""By model id, with a whole provider's under its name."""


@dataclass
class _Known:
    by_model: Health = field(default_factory=dict)
    read_at: datetime | None = None
    read_at_s: float = float("-inf")


known: dict[tuple[str, frozenset[str]], _Known] = {}
"""By table and providers: what holds for the ones says nothing of others."""


@dataclass(frozen=True)
class HealthReading:
    """`stale_since` is when the health was read, where it could not be read again, and None where it is
    fresh; `was_read` is false where it never could. `items` are the others that were asked for."""

    by_model: Health
    was_read: bool
    stale_since: datetime | None
    items: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class HealthReader:
    """Reads what has been counted of the providers' models."""

    state: StateTable
    providers: frozenset[str]

    def read(self, now: datetime, others: Iterable[str] = ()) -> HealthReading:
        """With the items of these ids as well: one round trip at most, none where nothing is to be
        read. A failed one keeps what was known."""
        memory = known.setdefault((self.state.name, self.providers), _Known())
        is_fresh = time.monotonic() - memory.read_at_s < MAX_AGE_S
        stale = [] if is_fresh else health_ids(self.providers, now)
        try:
            items = self.state.read([*stale, *others])
        except (BotoCoreError, ClientError) as error:
            since = memory.read_at.isoformat() if memory.read_at else None
            logger.warning(
                "state unavailable", error_type=type(error).__name__, health_known_since=since
            )
            items, stale_since = {}, None if is_fresh else memory.read_at
        else:
            stale_since = None
            if not is_fresh:
                memory.by_model = health_of(items[name] for name in stale if name in items)
                memory.read_at, memory.read_at_s = now, time.monotonic()
        return HealthReading(memory.by_model, memory.read_at is not None, stale_since, items)
