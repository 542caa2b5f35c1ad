"""How models have done lately, as additive counts in the state table.

Each provider has one item per minute, for what decides whether to call it at all, and one per day,
for what is to be expected of it. Adding needs no reading, so that writers never collide, and one
look-up gets all of them.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from functions.shared.contracts.decision import ModelHealth, TaskHistory

WINDOW_MINUTES = 5
"""Long enough for a handful of attempts, short enough to forgive soon."""
HISTORY_DAYS = 2
"""Today and yesterday: also just after midnight there is something to go by."""

WHOLE_PROVIDER = "*"
"""In a model's place, where all models of the item's provider are meant."""


LAST_ERROR = "last_error"
_TIMES = frozenset({"last_fault_at_ms", "blocked_at_ms"})

CALLERS_OF: Mapping[str | None, str] = {"ok": "ok_callers", "faults": "fault_callers"}
"""The sets that say whose attempts were counted."""
_CALLER_NUMBERS = 64
"""Enough to tell a few callers apart, and few enough for a set in an item."""


def caller_number(caller_id: str) -> int:
    return zlib.crc32(caller_id.encode()) % _CALLER_NUMBERS


@dataclass
class _Callers:
    """Whose attempts at a model failed, and whose were answered since the first of them did."""

    failed: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)

    def count(self, item: Mapping[str, Any], model: str) -> None:
        """Of the next minute."""
        self.failed |= set(map(int, item.get(attribute(CALLERS_OF["faults"], model), ())))
        if self.failed:
            self.answered |= set(map(int, item.get(attribute(CALLERS_OF["ok"], model), ())))

    @property
    def is_one_only(self) -> bool:
        return len(self.failed) == 1 and bool(self.answered - self.failed)


def minute_id(provider: str, at: datetime) -> str:
    return f"health#{provider}#{at:%Y-%m-%dT%H:%M}"


def day_id(provider: str, at: datetime) -> str:
    return f"health#{provider}#{at:%Y-%m-%d}"


def attribute(name: str, model: str, task: str = "") -> str:
    """`task` only for the counts that are kept by task."""
    return "|".join(filter(None, (name, model, task)))


def health_ids(providers: Iterable[str], now: datetime) -> list[str]:
    """Every item that counts now; at most 8 for each provider."""
    minutes = [now - timedelta(minutes=back) for back in range(WINDOW_MINUTES + 1)]
    days = [now - timedelta(days=back) for back in range(HISTORY_DAYS)]
    return [
        state_id
        for provider in sorted(providers)
        for state_id in (
            *(minute_id(provider, at) for at in minutes),
            *(day_id(provider, at) for at in days),
        )
    ]


def health_of(items: Iterable[Mapping[str, Any]]) -> dict[str, ModelHealth]:
    """The items of `health_ids`, summed up by model; a whole provider stands under its own name."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    tasks: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    errors: dict[str, str] = defaultdict(str)
    callers: dict[str, _Callers] = defaultdict(_Callers)
    for item in sorted(items, key=lambda one: str(one["state_id"])):
        provider = item["state_id"].split("#")[1]
        models = set()
        for key, value in item.items():
            name, _, rest = key.partition("|")
            model, _, task = rest.replace(WHOLE_PROVIDER, provider).partition("|")
            if not model:
                continue
            counts = sums[model]
            models.add(model)
            if name in CALLERS_OF.values():
                continue
            if name == LAST_ERROR:
                errors[model] = max(errors[model], value)  # each begins with its time
            elif task:
                tasks[model, task][name] += int(value)
            elif name in _TIMES:
                counts[name] = max(counts[name], int(value))
            else:
                counts[name] += int(value)
        for model in models:
            callers[model].count(item, model)
    histories: dict[str, dict[str, TaskHistory]] = defaultdict(dict)
    for (model, task), counts in tasks.items():
        histories[model][task] = TaskHistory.model_validate(counts)
    return {
        model: ModelHealth.model_validate(
            {
                **counts,
                "tasks": histories[model],
                LAST_ERROR: errors[model],
                "one_caller_only": callers[model].is_one_only,
            }
        )
        for model, counts in sums.items()
    }
