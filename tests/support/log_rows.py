"""Rows of the request log, and the table as DynamoDB would let it be queried."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, cast

from functions.shared.storage.request_log import RequestLog, packed
from functions.shared.times import stamp

_CONDITION = re.compile(r"(#\d+) = (:\d+) AND #\d+ BETWEEN (:\d+) AND (:\d+)")


def row(number: int, created_at: datetime, **changes: Any) -> dict[str, Any]:
    """As `Record Metrics` writes it, of an answered request; a None leaves the attribute out."""
    fields = {
        "request_id": f"req_{number:05}",
        "caller_id": "key-1",
        "day": f"{created_at:%Y-%m-%d}",
        "created_at": stamp(created_at),
        "finished_at": stamp(created_at),
        "status": "SUCCEEDED",
        "mode": "sync",
        "task": "chat",
        "model_preference": "balanced",
        "model": "gpt-4o-mini",
        "provider": "openai",
        "mock": True,
        "latency_ms": 100,
        "cost_nano_usd": 123_000,
        "savings_nano_usd": 1_000_000,
        "input_tokens": 10,
        "output_tokens": 20,
        "fallbacks": 0,
        "expires_at": 2_000_000_000,
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


class WatchedLog(RequestLog):
    """Counts its queries, and refuses those that DynamoDB refuses and moto does not."""

    def __init__(self, table_name: str) -> None:
        super().__init__(table_name)
        self._inner: Any = self._table
        self._table = cast(Any, self)
        self.queries: list[dict[str, Any]] = []

    def query(self, **call: Any) -> dict[str, Any]:
        condition = _CONDITION.fullmatch(call["KeyConditionExpression"])
        assert condition, call["KeyConditionExpression"]
        key = call["ExpressionAttributeNames"][condition[1]]
        value, first, last = (
            call["ExpressionAttributeValues"][place] for place in condition.groups()[1:]
        )
        assert first <= last, "the upper bound has to be the greater one"
        if start := call.get("ExclusiveStartKey"):
            assert start.keys() == {key, "created_at", "request_id"}
            assert start[key] == value
            assert first <= start["created_at"] <= last, "the start key has to be within the bounds"
        found: dict[str, Any] = self._inner.query(**call)
        self.queries.append({"index": call["IndexName"], "evaluated": found["ScannedCount"]})
        return found

    @property
    def reading(self) -> int:
        """How many queries have read something."""
        return sum(query["evaluated"] > 0 for query in self.queries)


def write(table: Any, rows: list[dict[str, Any]]) -> None:
    assert len({one["request_id"] for one in rows}) == len(rows)
    for one in rows:
        table.put_item(Item=packed(one))
