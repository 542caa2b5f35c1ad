"""The local AWS in a process of its own, with the tables of a stage and one caller.

What it takes itself is AWS's to take: nobody counts it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from functions.shared.callers.records import CallerRecord, KeyRecord, OwnLimits, key_hash
from functions.shared.callers.table import CallerTable
from functions.shared.money.budget_table import OPEN, OPEN_INDEX
from functions.shared.storage import job_table
from functions.shared.storage.request_log import LISTED, PARTITION_OF
from functions.shared.storage.tables import Table
from functions.shared.storage.time_index import TimeIndex
from local import emulator_process
from local.settings import REGION

CALLER_ID, KEY = "k7m2x4q9ab", "lo_bench"
LIMITED_ID, LIMITED_KEY = "m3n8p5r2cd", "lo_bench_limited"
_NANO_USD = 10**15
_STARTS_WITHIN_S = 60
_KEYS = {"State": "state_id", "Callers": "kind", "Budgets": "budget_id", "Answers": "answer_id"}


@dataclass(frozen=True)
class LocalAws:
    """Where it answers, and what its functions are told."""

    url: str

    def client(self, service: Any) -> Any:
        return _session().client(service, endpoint_url=self.url, config=Config(read_timeout=60))

    @property
    def variables(self) -> dict[str, str]:
        """Those of all functions together: each reads its own."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "POWERTOOLS_SERVICE_NAME": "bench",
            "LOG_LEVEL": "INFO",
            "STAGE": "bench",
            "REQUESTS_TABLE": "Requests",
            "JOBS_TABLE": "Jobs",
            **{f"{name.upper()}_TABLE": name for name in _KEYS},
            "DEAD_LETTER_QUEUE_URL": f"{self.url}/queue/dead-letters",
            "LOG_RETENTION_DAYS": "30",
            "ALARM_TOPIC_ARN": f"arn:aws:sns:{REGION}:000000000000:alarms",
            "JOBS_STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:000000000000:stateMachine:jobs",
            "JOBS_PATH": "/api/v1/jobs",
            # An event that was taken down is used again as long as a slow machine needs.
            "SYNC_DEADLINE_MS": "3600000",
            "ASYNC_DEADLINE_MS": "3600000",
            "MOCK_PROVIDERS": "always",
            "PROVIDER": "simulator",
            "SIMULATOR_LATENCY": "0",
        }


def _session() -> boto3.Session:
    return boto3.Session("test", "test", region_name=REGION)


@contextmanager
def running_aws() -> Iterator[LocalAws]:
    """With empty tables; gone at the end."""
    process = emulator_process.start(0)
    try:
        aws = LocalAws(process.url)
        _wait_for(aws)
        _make_tables(aws)
        yield aws
    finally:
        process.stop()


def _wait_for(aws: LocalAws) -> None:
    ends = time.monotonic() + _STARTS_WITHIN_S
    while True:
        try:
            aws.client("dynamodb").list_tables()
        except Exception:
            if time.monotonic() > ends:
                raise
            time.sleep(0.3)
        else:
            return


def _make_tables(aws: LocalAws) -> None:
    for name, key in _KEYS.items():
        if name == "Callers":
            _make(aws, name, key, "item_id")
        elif name == "Budgets":
            _make(aws, name, key, indexes=[(OPEN_INDEX, OPEN, key)])
        else:
            _make(aws, name, key)
    listed = [(name, partition, "created_at") for name, partition in PARTITION_OF.items()]
    _make(aws, "Requests", "request_id", indexes=listed)
    by_caller: TimeIndex = job_table.BY_CALLER
    _make(
        aws,
        "Jobs",
        "execution_id",
        indexes=[(by_caller.name, by_caller.partition, by_caller.time)],
    )
    limits = OwnLimits(
        day_nano_usd=_NANO_USD, month_nano_usd=_NANO_USD, tokens_per_minute=1_000_000_000
    )
    _enter(aws, CALLER_ID, KEY, "team-a", OwnLimits())
    _enter(aws, LIMITED_ID, LIMITED_KEY, "team-b", limits)


def _enter(aws: LocalAws, caller_id: str, value: str, name: str, limits: OwnLimits) -> None:
    caller = CallerRecord(caller_id=caller_id, name=name, created_at_s=1, limits=limits)
    key = KeyRecord(key_hash=key_hash(value), caller_id=caller_id, hint="", created_at_s=1)
    CallerTable(Table("Callers", aws.client("dynamodb"))).enter(caller, key)


def _make(
    aws: LocalAws, name: str, *keys: str, indexes: list[tuple[str, str, str]] | None = None
) -> None:
    listed = indexes or []
    attributes = {*keys, *(key for _, *pair in listed for key in pair)}
    more: dict[str, Any] = {
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index,
                "KeySchema": _schema(pair),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(LISTED[:20])},
            }
            for index, *pair in listed
        ]
    }
    aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in attributes],
        KeySchema=_schema(keys),
        **(more if listed else {}),
    )


def _schema(keys: Any) -> list[dict[str, str]]:
    return [
        {"AttributeName": key, "KeyType": kind}
        for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
    ]
