"""Logs Insights: fields inside JSON messages, conditions and statistics, which upstream lacks.

Upstream finds the five fields that every event has, and ignores conditions that it cannot read.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import cloudwatch_logs as logs

from local.emulator.insights_query import MalformedQuery, Query, Row, text_of

_start_query = logs._start_query


def query_logs(
    groups: Sequence[str], query: str, start_s: float, end_s: float
) -> list[dict[str, str]]:
    """The rows of a query over log groups of the current account, each with the fields it has.

    Times are epoch seconds. Raises MalformedQuery.
    """
    return _texts(Query(query).run(_events(groups, start_s, end_s)))


def _start(request: dict[str, Any]) -> Any:
    try:
        query = Query(request.get("queryString", ""))
    except MalformedQuery as error:
        return error_response_json("MalformedQueryException", str(error))
    response = _start_query(request)
    status, _headers, body = response
    if status == 200:
        started = logs._queries[json.loads(body)["queryId"]]
        groups = logs._resolve_query_log_groups(request)
        times = (request.get("startTime", 0), request.get("endTime", time.time()))
        rows = query.run(_events(groups, *times))[: request.get("limit")]
        started["statistics"]["recordsMatched"] = float(query.matched)
        started["results"] = [
            [{"field": name, "value": value} for name, value in row.items()] for row in _texts(rows)
        ]
    return response


def _events(groups: Iterable[str], start_s: float, end_s: float) -> list[Row]:
    """The events of the time, newest first, with what is inside their messages."""
    records = logs._collect_query_records(groups, start_s, math.ceil(end_s))
    return [
        {**_discovered(record["@message"]), **logs._public_log_record(record)}
        for record in reversed(records)
    ]


def _discovered(message: str) -> Row:
    try:
        event = json.loads(message, parse_float=Decimal, parse_int=Decimal)
    except ValueError:
        return {}
    found: Row = {}
    if isinstance(event, dict):
        _flatten(event.items(), "", found)
    return found


def _flatten(items: Iterable[tuple[Any, Any]], prefix: str, found: Row) -> None:
    for key, value in items:
        if isinstance(value, dict):
            _flatten(value.items(), f"{prefix}{key}.", found)
        elif isinstance(value, list):
            _flatten(enumerate(value), f"{prefix}{key}.", found)
        elif value is not None:
            found[f"{prefix}{key}"] = Decimal(value) if isinstance(value, bool) else value


def _texts(rows: Iterable[Row]) -> list[dict[str, str]]:
    return [
        {name: text_of(value) for name, value in row.items() if value is not None} for row in rows
    ]


def install() -> None:
    """Replace ministack's function."""
    logs._start_query = _start
