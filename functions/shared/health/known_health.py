"""Health that a function instance has read lately, for all that it is asked meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from functions.shared.contracts.decision import ModelHealth
from functions.shared.health.counts import health_ids, health_of

MAX_AGE_S = 5.0
"""A circuit that opens is seen that much later."""


@dataclass
class KnownHealth:
    """`by_model` as `health_of` gives it."""

    read_at_s: float = float("-inf")
    by_model: Mapping[str, ModelHealth] = field(default_factory=dict)

    def stale_ids(self, providers: Iterable[str], now: datetime) -> list[str]:
        """The items to read anew; none while what is known is fresh."""
        is_fresh = time.monotonic() - self.read_at_s < MAX_AGE_S
        return [] if is_fresh else health_ids(providers, now)

    def learn(self, items: Iterable[Mapping[str, Any]]) -> None:
        """What was found of the stale ids."""
        self.by_model = health_of(items)
        self.read_at_s = time.monotonic()


known_health = KnownHealth()
