"""`/metrics/logs`: requests one by one, newest first, page by page."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
)

from functions.metrics.reader import Reader
from functions.shared.errors import InvalidRequest
from functions.shared.storage.request_log import BY_DAY, PARTITION_OF, RequestLog
from functions.shared.times import stamp
from functions.shared.vocabulary import Frozen, RequestId, Usd

_MOST_QUERIES = 5
"""That read something, for one page; each reads at most 1 MB, of which a filter may leave nothing."""
_DAYS_BACK = 31
_POSITION = TypeAdapter(
    tuple[
        Annotated[
            str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")
        ],
        RequestId | None,
    ]
)
"""When the last row was created, and its id; none for all that is as old as that, or older."""
_FILTERS = ("model", "provider", "task", "status")


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("too far from now") from None


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]


class LogsQuery(Frozen):
    """`from` and `to` are ISO times and belong to the page's rows, too."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 20
    cursor: Annotated[str, Field(max_length=500)] | None = None
    model: str | None = None
    provider: str | None = None
    task: str | None = None
    status: Literal["SUCCEEDED", "FAILED"] | None = None
    caller_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    first: Annotated[Moment | None, Field(alias="from")] = None
    last: Annotated[Moment | None, Field(alias="to")] = None


class LoggedRequest(BaseModel):
    """What the indexes hold of a row; null is what a request that ended early never had, and what rows
    of an earlier version lack."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    request_id: str
    created_at: str
    finished_at: str
    status: str
    mode: str
    caller_id: str
    task: str | None = None
    model_preference: str | None = None
    model: str | None = None
    provider: str | None = None
    mock: bool | None = None
    latency_ms: int | None = None
    cost_usd: Usd | None = None
    savings_usd: Usd | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    fallbacks: int | None = None
    error_code: str | None = None
    trace_id: str | None = None
    feedback: dict[str, Any] | None = None


class LogsPage(Frozen):
    """Go on while there is a `next_cursor`: a page of filtered rows may be short, or empty."""

    logs: list[LoggedRequest]
    next_cursor: str | None


def logs_page(query: LogsQuery, reader: Reader, log: RequestLog, now: datetime) -> LogsPage:
    """One query of an index, unless a day ends or a filter leaves too little.

    Raises `Forbidden`, `InvalidRequest` for a cursor that is not ours, and `ClientError`.
    """
    now = now.astimezone(UTC)
    earliest = now - timedelta(days=_DAYS_BACK)
    first, last = max(query.first or earliest, earliest), min(query.last or now, now)
    after = _position(query.cursor) if query.cursor else None
    if after and after["created_at"] <= stamp(last):
        last = datetime.fromisoformat(after["created_at"])
    else:
        after = None  # another `to` than the cursor's may have moved before it
    partitions = list(reader.partitions(query.caller_id, first, last))
    if stamp(first) > stamp(last):
        return _page([], None)
    equal = {name: value for name in _FILTERS if (value := getattr(query, name)) is not None}
    rows: list[dict[str, Any]] = []
    queries = 0
    for partition in partitions:
        start = _within(after, partition)
        while True:
            # One more than is shown tells whether there are any more.
            limit = None if equal else query.limit + 1 - len(rows)
            page = log.newest(
                partition, stamp(first), stamp(last), equal=equal, limit=limit, after=start
            )
            rows += page.rows
            queries += page.evaluated > 0
            if len(rows) > query.limit:
                return _page(rows[: query.limit], rows[query.limit - 1])
            if page.next_key is None:
                break
            if queries >= _MOST_QUERIES:
                return _page(rows, page.next_key)
            start = page.next_key
        if equal and queries >= _MOST_QUERIES and partition != partitions[-1]:
            return _page(rows, _day_before(partition[1]))
    return _page(rows, None)


def _page(rows: list[dict[str, Any]], after: dict[str, Any] | None) -> LogsPage:
    listed = [LoggedRequest.model_validate(row) for row in rows]
    return LogsPage(logs=listed, next_cursor=_cursor(after) if after else None)


def _cursor(after: dict[str, Any]) -> str:
    position = [after["created_at"], after["request_id"]]
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def _day_before(day: str) -> dict[str, Any]:
    """The position before all rows of that day."""
    before = date.fromisoformat(day) - timedelta(days=1)
    return {"created_at": f"{before}T23:59:59.999+00:00", "request_id": None}


def _position(cursor: str) -> dict[str, Any]:
    """It names a place in whatever its bearer may read, and opens nothing else."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, b"-_", validate=True)
        created_at, request_id = _POSITION.validate_json(text)
        datetime.fromisoformat(created_at)
    except ValueError:
        raise InvalidRequest.at("cursor", "not a next_cursor of this path") from None
    return {"created_at": created_at, "request_id": request_id}


def _within(after: dict[str, Any] | None, partition: tuple[str, str]) -> dict[str, Any] | None:
    """Where a query of the partition begins, if the position lies in it."""
    index, value = partition
    if after is None or after["request_id"] is None:
        return None
    if index == BY_DAY and not after["created_at"].startswith(value):
        return None
    return {**after, PARTITION_OF[index]: value}
