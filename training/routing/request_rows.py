"""Reads rows of the request log: from its table, day by day, or from JSONL files."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import BotoCoreError, ClientError

from functions.shared.storage.request_log import BY_DAY, unpacked
from functions.shared.times import stamp
from training.data import MalformedRows, json_rows

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table

TABLE_VARIABLE = "REQUESTS_TABLE"
_PERIOD = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_BATCH = 100
"""The most that DynamoDB looks up at once."""
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class NoRowsToRead(MalformedRows):
    """It is not said which rows, or their table cannot be read."""


@dataclass(frozen=True)
class LoggedRow:
    """The row as JSON values. `where` is file and line, or table and request id."""

    where: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class RowSource:
    """Either files, or a table and how far back."""

    files: tuple[Path, ...] = ()
    table: str = ""
    since: timedelta = timedelta(0)

    def rows(self, *, only_graded: bool = False) -> Iterator[LoggedRow]:
        """One after the other, as they are read; files are given whole, graded or not.

        Raises `MalformedRows`.
        """
        if self.table:
            yield from table_rows(
                self.table, self.since, datetime.now(UTC), only_graded=only_graded
            )
        for path in self.files:
            yield from file_rows(path)


def row_source(arguments: argparse.Namespace, period: str) -> RowSource:
    """What the options name. Raises `NoRowsToRead`."""
    if arguments.rows:
        if arguments.since:
            raise NoRowsToRead("--since goes with --table; the rows of files are all read")
        return RowSource(files=tuple(arguments.rows))
    table = arguments.table or os.environ.get(TABLE_VARIABLE, "")
    if not table:
        raise NoRowsToRead(f"say --table NAME or set {TABLE_VARIABLE}, or give --rows FILE")
    return RowSource(table=table, since=period_of(arguments.since or period))


def period_of(text: str) -> timedelta:
    """Of `5m`, `24h` or `7d`. Raises `NoRowsToRead`."""
    found = _PERIOD.fullmatch(text)
    if found is None:
        raise NoRowsToRead(f"--since {text}: say minutes, hours or days, as in 5m, 24h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def table_rows(
    name: str,
    since: timedelta,
    now: datetime,
    *,
    only_graded: bool = False,
    database: DynamoDBServiceResource | None = None,
) -> Iterator[LoggedRow]:
    """The requests that began in the period, day by day: queries of the index, no scan.

    Only those with feedback where the others are of no use; the table leaves them out before it
    sends them. Raises `NoRowsToRead` where the table does not answer.
    """
    try:
        database = database or boto3.resource("dynamodb")
        table = database.Table(name)
        for day in days(now - since, now):
            began = stamp(now - since)
            condition = Key("day").eq(day) & Key("created_at").gte(began)
            listed = _pages(table, condition, only_graded=only_graded)
            for item in _whole_rows(database, name, listed):
                yield LoggedRow(f"{name}:{item['request_id']}", unpacked(item))
    except (BotoCoreError, ClientError) as error:
        reason = str(error).splitlines()[0]
        raise NoRowsToRead(f"table {name}: {reason}") from error


def days(first: datetime, last: datetime) -> list[str]:
    """The index's partitions from the one to the other, both included."""
    count = (last.date() - first.date()).days + 1
    return [str(first.date() + timedelta(days=day)) for day in range(count)]


def _pages(
    table: Table, condition: ConditionBase, *, only_graded: bool
) -> Iterator[dict[str, Any]]:
    query: dict[str, Any] = {"IndexName": BY_DAY, "KeyConditionExpression": condition}
    if only_graded:
        query["FilterExpression"] = Attr("feedback").exists()
    while True:
        page = table.query(**query)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _whole_rows(
    database: DynamoDBServiceResource, name: str, listed: Iterator[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The index holds what a list shows; the decision is in the row itself."""
    while batch := [{"request_id": item["request_id"]} for item in islice(listed, _BATCH)]:
        found: dict[str, dict[str, Any]] = {}
        asked: Any = {name: {"Keys": batch}}
        while asked:
            answer = database.batch_get_item(RequestItems=asked)
            found |= {str(item["request_id"]): item for item in answer["Responses"].get(name, [])}
            asked = answer.get("UnprocessedKeys")
        yield from (found[key["request_id"]] for key in batch if key["request_id"] in found)


def file_rows(path: Path) -> Iterator[LoggedRow]:
    """The objects of a .jsonl or .jsonl.gz file.

    Raises `MalformedRows` with the file and the line at fault.
    """
    for where, fields in json_rows(path):
        yield LoggedRow(where, fields)
