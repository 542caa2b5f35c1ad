"""Measures a page of `/metrics/logs` in a short and in a long request log.

The log is the local AWS's DynamoDB, in this process. What DynamoDB itself takes and bills for a
query goes by the rows that it evaluates; the emulator sorts a whole partition for each, so that its
own time, which grows with the log, is measured apart.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from boto3.dynamodb.types import TypeSerializer
from ministack.services import dynamodb

from bench.emulated_dynamodb import EmulatedDynamoDB
from functions.metrics.logs import LogsPage, LogsQuery, logs_page
from functions.shared.callers.directory import Directory
from functions.shared.gateway.reader import Reader
from functions.shared.storage.request_log import BY_CALLER, BY_DAY, PARTITION_OF, RequestLog
from functions.shared.storage.tables import Table
from functions.shared.times import stamp

SHORT, LONG = 1_000, 100_000
PAGES = 7
_TABLE = "Requests"
_KEYS = 10
_END = datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC)
_OPERATOR, _CALLER = Reader("operator", is_operator=True), Reader("key-1", is_operator=False)
_NAMES = Directory({})


@dataclass(frozen=True)
class Measured:
    """Of one page: milliseconds of CPU, those of the emulator left out and alone."""

    queries: int
    evaluated: int
    own_ms: float
    emulator_ms: float


def _fill(rows: int) -> None:
    """All of them of one day, evenly over it, past the interface: it would take minutes."""
    serialize = TypeSerializer().serialize
    table = dynamodb._tables[_TABLE]
    for number in range(rows):
        row = _row(number, _END - timedelta(days=1) * number / rows)
        item = {name: serialize(value) for name, value in row.items()}
        table["items"][row["request_id"]][""] = item


class _CountingLog(RequestLog):
    """The log of a table that is not configured by the environment."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.evaluated = 0

    def newest(self, *arguments: Any, **options: Any) -> Any:
        page = super().newest(*arguments, **options)
        self.evaluated += page.evaluated
        return page


def results() -> dict[str, float]:
    """The most that any page takes; pages near both ends and in the middle of the log."""
    short, long = _measured(SHORT), _measured(LONG)
    own = [statistics.median(one.own_ms for one in those) for those in (short, long)]
    emulator = [statistics.median(one.emulator_ms for one in those) for those in (short, long)]
    return {
        "rows": LONG,
        "queries_per_page": max(one.queries for one in long),
        "rows_evaluated_per_page_of_20": max(one.evaluated for one in long),
        "page_ms": round(own[1], 3),
        "page_in_100000_over_1000_rows": round(own[1] / own[0], 2),
        "emulators_look_up_in_100000_over_1000_rows": round(emulator[1] / emulator[0], 2),
    }


def _measured(rows: int) -> list[Measured]:
    with _log_of(rows) as (log, emulator):
        _page(log, _CALLER, None)  # imports, connections and the emulator's index
        measured = []
        for number in range(PAGES):
            reader = (_CALLER, _OPERATOR)[number % 2]
            begins = _END - timedelta(days=1) * number / (PAGES + 1)
            log.evaluated = emulator.calls = 0
            emulator.spent_s = 0.0
            began = time.process_time()
            page = _page(log, reader, begins)
            spent_s = time.process_time() - began
            if len(page.data) != 20 or page.next_cursor is None:
                raise RuntimeError(f"a page of {len(page.data)} rows")
            own_ms, emulator_ms = (spent_s - emulator.spent_s) * 1000, emulator.spent_s * 1000
            measured.append(Measured(emulator.calls, log.evaluated, own_ms, emulator_ms))
    return measured


def _page(log: RequestLog, reader: Reader, last: datetime | None) -> LogsPage:
    return logs_page(LogsQuery.model_validate({"to": last}), reader, _NAMES, log, _END)


@contextmanager
def _log_of(rows: int) -> Iterator[tuple[_CountingLog, EmulatedDynamoDB]]:
    database = boto3.Session("test", "test", region_name="us-east-1").client("dynamodb")
    emulator = EmulatedDynamoDB(database)
    database.create_table(
        TableName=_TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"}
            for name in ("request_id", "created_at", *PARTITION_OF.values())
        ],
        KeySchema=[{"AttributeName": "request_id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": PARTITION_OF[index], "KeyType": "HASH"},
                    {"AttributeName": "created_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for index in (BY_DAY, BY_CALLER)
        ],
    )
    _fill(rows)
    try:
        yield _CountingLog(Table(_TABLE, database)), emulator
    finally:
        database.delete_table(TableName=_TABLE)


def _row(number: int, created_at: datetime) -> dict[str, Any]:
    """What every row has."""
    moment = stamp(created_at)
    return {
        "request_id": f"req_{number:06}",
        "caller_id": f"key-{number % _KEYS}",
        "day": moment[:10],
        "created_at": moment,
        "finished_at": moment,
        "status": "SUCCEEDED",
        "mode": "sync",
        "latency_ms": 900,
        "cost_nano_usd": 0,
        "fallbacks": 0,
    }
