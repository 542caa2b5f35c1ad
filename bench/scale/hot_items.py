"""What one item or one key of DynamoDB takes, that many requests write."""

from __future__ import annotations

from dataclasses import dataclass

from bench.capacity_units import attempts_a_second, item_bytes, write_units
from bench.scale.quotas import assumed, limit_of
from functions.shared.money.caller_spend import SpendItem

_CALLER_ID, _COST_NANO_USD, _REQUESTS = "k7m2x4q9ab", 123_456_789, 1_000
"""As long as ids of callers are, and sums that are as long as those of an hour."""


def budget_attempts(answer_s: int, *, stage: bool) -> int:
    """Attempts a second of one caller that has limits, or of all callers where the stage has one."""
    told, whose = assumed()["budgets"], "stage" if stage else "caller"
    empty, hold = told[f"{whose}_bytes"], told[f"{whose}_hold_bytes"]
    return attempts_a_second(lambda held: empty + held * hold, answer_s)


def shard_rows_counted() -> float:
    """A second, by Tally, of one shard of the log's stream: one batch after the other."""
    told = assumed()["tally"]
    share = min(1.0, assumed()["memory_mb"]["Tally"] / assumed()["core_mb"]["value"])
    batch_ms = told["batch"] * told["row_cpu_ms"] / share + told["writes"] * told["write_ms"]
    return float(told["batch"] / batch_ms * 1000)


def shard_rows_written() -> float:
    """A second, at most, to the partition whose shard it is."""
    return limit_of("partition_writes") / float(assumed()["row_units"]["value"])


@dataclass(frozen=True)
class Spend:
    """The sums of an hour of so many callers, which each batch of rows writes whole."""

    callers: int

    @property
    def item_bytes(self) -> int:
        return self.callers * _bytes_of_caller()

    @property
    def fits(self) -> bool:
        return self.item_bytes <= limit_of("item_bytes")

    @property
    def rows_a_second(self) -> float:
        """Of full batches; with fewer rows a second, each shard writes its batch once a second all the same."""
        batches = limit_of("partition_writes") / write_units(self.item_bytes)
        return float(batches * assumed()["tally"]["batch"])


def most_callers_an_hour() -> int:
    """Whose sums one item holds."""
    return int(limit_of("item_bytes") / _bytes_of_caller())


def _bytes_of_caller() -> int:
    row = {"caller_id": _CALLER_ID, "cost_nano_usd": _COST_NANO_USD}
    change = SpendItem("spend", 0).change([row])
    return item_bytes({name: max(number, _REQUESTS) for name, number in change.added.items()})
