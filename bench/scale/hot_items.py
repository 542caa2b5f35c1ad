"""What one item or one key of DynamoDB takes, that many requests write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from bench.capacity_units import attempts_a_second, item_bytes, write_units
from bench.scale.measured import measured
from bench.scale.quotas import assumed, limit_of
from functions.shared.health.counts import day_id
from functions.shared.money.caller_spend import spend_changes
from functions.shared.vocabulary import Task
from functions.tally.health import health_changes

_SUM = 123_456_789
"""As long as what is summed up of an hour or a day."""
_AT, _MODEL, _PROVIDER = "2026-11-27T10:00:00Z", "gpt-4o-mini", "openai"
_ROW: dict[str, Any] = {
    "caller_id": "k7m2x4q9ab",
    "finished_at": _AT,
    "cost_nano_usd": 1,
    "decision": {"candidates": [{"model": _MODEL, "mock": False, "p95_latency_ms": 1}]},
    "attempts": [
        {
            "model": _MODEL,
            "provider": _PROVIDER,
            "outcome": "success",
            "elapsed_ms": 1,
            "usage": {"output_tokens": 1},
        }
    ],
}
"""What Tally counts of a row."""


def budget_attempts(answer_s: int, *, stage: bool) -> int:
    """Attempts a second of one caller that has limits, or of all callers where the stage has one."""
    own = (measured().budget_bytes, measured().hold_bytes)
    told = assumed()["stage_budget"]
    empty, hold = (told["bytes"], told["hold_bytes"]) if stage else own
    return attempts_a_second(lambda held: round(empty + held * hold), answer_s)


def shard_rows_counted(row_cpu_ms: float) -> float:
    """A second, by Tally, of one shard of the log's stream: one batch after the other."""
    told = assumed()["tally"]
    share = min(1.0, assumed()["memory_mb"]["Tally"] / assumed()["core_mb"]["value"])
    batch_ms = told["batch"] * row_cpu_ms / share + told["writes"] * told["write_ms"]
    return float(told["batch"] / batch_ms * 1000)


def shard_rows_written(row_units: int) -> float:
    """A second, at most, to the partition whose shard it is."""
    return limit_of("partition_writes") / row_units


@dataclass(frozen=True)
class Sums:
    """An item that each batch of rows writes whole."""

    item_bytes: int

    @property
    def rows_a_second(self) -> float:
        """Of full batches; with fewer rows a second, each shard writes its batch once a second all the same."""
        batches = limit_of("partition_writes") / write_units(self.item_bytes)
        return float(batches * assumed()["tally"]["batch"])


def spend(callers: int) -> Sums:
    """Of an hour of so many callers."""
    return Sums(callers * _bytes_of_caller())


def history(models: int) -> Sums:
    """Of a day of so many models of one provider, each asked for every task."""
    names = {
        name
        for task in get_args(Task)
        for change in health_changes(_ROW | {"task": task})
        if change.state_id == day_id(_PROVIDER, datetime.fromisoformat(_AT))
        for name in change.added
    }
    return Sums(models * item_bytes(dict.fromkeys(names, _SUM)))


def most_callers_an_hour() -> int:
    """Whose sums one item holds."""
    return int(limit_of("item_bytes") / _bytes_of_caller())


def _bytes_of_caller() -> int:
    *_, hour = spend_changes(_ROW)
    return item_bytes(dict.fromkeys(hour.added, _SUM))
