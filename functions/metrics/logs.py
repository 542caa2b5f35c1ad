"""`/metrics/logs`: requests one by one, newest first, page by page."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    model_validator,
)

from functions.shared.callers.directory import Directory
from functions.shared.errors import InvalidRequest
from functions.shared.gateway.reader import Partition, Reader
from functions.shared.storage.request_log import BY_DAY, PARTITION_OF, Page, RequestLog
from functions.shared.times import from_iso, stamp
from functions.shared.vocabulary import Frozen, RequestId, Usd, in_usd

_MOST_QUERIES = 5
"""That read something, for one page; each reads at most 1 MB, of which a filter may leave nothing."""
_DAYS_BACK = 31
_STAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$"
_CURSOR = TypeAdapter(tuple[Annotated[str, StringConstraints(pattern=_STAMP)], RequestId | None])
_FILTERS = ("model", "provider", "task", "status")


class _Position(NamedTuple):
    """A place in the log: behind the row of this id, or before all that is as old as that."""

    created_at: str
    request_id: str | None


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("too far from now") from None


Moment = Annotated[AwareDatetime, BeforeValidator(from_iso), AfterValidator(_utc)]


class LogsQuery(Frozen):
    """`from` and `to` are ISO times and belong to the page's rows, too. `caller` is a name, or the id of
    one that has none."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 20
    cursor: Annotated[str, Field(max_length=500)] | None = None
    model: str | None = None
    provider: str | None = None
    task: str | None = None
    status: Literal["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"] | None = None
    caller: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    caller_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    first: Annotated[Moment | None, Field(alias="from")] = None
    last: Annotated[Moment | None, Field(alias="to")] = None

    @model_validator(mode="after")
    def _names_one_caller(self) -> Self:
        if self.caller is not None and self.caller_id is not None:
            raise ValueError("name a caller either by caller or by caller_id")
        return self


class LoggedRequest(Frozen):
    """What the indexes hold of a row, and what its caller is called; null is what a request that ended
    early never had, and what rows of an earlier version lack."""

    model_config = ConfigDict(extra="ignore")

    request_id: str
    created_at: str
    finished_at: str
    status: str
    mode: str
    caller_id: str
    caller: str
    task: str | None = None
    model_preference: str | None = None
    model: str | None = None
    provider: str | None = None
    mock: bool | None = None
    latency_ms: int | None = None
    cost_usd: Usd | None = None
    possibly_billed_usd: Usd | None = None
    simulated_cost_usd: Usd | None = None
    savings_usd: Usd | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    fallbacks: int | None = None
    error_code: str | None = None
    trace_id: str | None = None
    feedback: dict[str, Any] | None = None


class LogsReader(Frozen):
    """Whose key it is, and whether it sees the requests of all."""

    caller_id: str
    is_operator: bool


class LogsPage(Frozen):
    """Go on while there is a `next_cursor`: a page of filtered rows may be short, or empty."""

    logs: list[LoggedRequest]
    next_cursor: str | None
    reader: LogsReader


def logs_page(
    query: LogsQuery, reader: Reader, names: Directory, log: RequestLog, now: datetime
) -> LogsPage:
    """One query of an index, unless a day ends or a filter leaves too little.

    Raises `Forbidden`, `InvalidRequest` for a cursor that is not ours, and `ClientError`.
    """
    position = _position(query.cursor) if query.cursor else None
    first, last = _stretch(query, now.astimezone(UTC))
    if position and position.created_at <= stamp(last):
        last = datetime.fromisoformat(position.created_at)
    else:
        position = None  # another `to` than the cursor's may have moved before it
    wanted = names.id_of(query.caller) if query.caller else query.caller_id
    partitions = list(reader.partitions(wanted, first, last))
    rows, end = list[dict[str, Any]](), None
    if stamp(first) <= stamp(last):
        reads = _reads(log, query, partitions, (stamp(first), stamp(last)), position)
        rows, end = _first_page(reads, query.limit)
    return LogsPage(
        logs=[_logged(row, names) for row in rows],
        next_cursor=_cursor(end) if end else None,
        reader=LogsReader(caller_id=reader.caller_id, is_operator=reader.is_operator),
    )


def _logged(row: dict[str, Any], names: Directory) -> LoggedRequest:
    caller = names.name_of(row["caller_id"])
    return LoggedRequest.model_validate(in_usd(row) | {"caller": caller})


def _stretch(query: LogsQuery, now: datetime) -> tuple[datetime, datetime]:
    earliest = now - timedelta(days=_DAYS_BACK)
    return max(query.first or earliest, earliest), min(query.last or now, now)


def _reads(
    log: RequestLog,
    query: LogsQuery,
    partitions: Sequence[Partition],
    stretch: tuple[str, str],
    position: _Position | None,
) -> Iterator[tuple[Page, _Position | None]]:
    """One query after the other, each with the position at which a page may end behind it.

    None at the very end, and without a filter at the end of a day: then all that is read is shown.
    """
    equal = {name: value for name in _FILTERS if (value := getattr(query, name)) is not None}
    # One more than is shown tells whether there are any more.
    wanted = query.limit + 1
    for partition in partitions:
        end = _day_before(partition[1]) if equal and partition != partitions[-1] else None
        after = _within(position, partition)
        while True:
            limit = None if equal else wanted
            page = log.newest(partition, *stretch, equal=equal, limit=limit, after=after)
            wanted -= len(page.rows)
            after = page.next_key
            yield page, _position_of(after) if after else end
            if after is None:
                break


def _first_page(
    reads: Iterable[tuple[Page, _Position | None]], limit: int
) -> tuple[list[dict[str, Any]], _Position | None]:
    """As many rows as are asked for, or fewer where that would take too many queries, and where the
    next page begins."""
    rows: list[dict[str, Any]] = []
    queries = 0
    for page, position in reads:
        rows += page.rows
        queries += page.evaluated > 0
        if len(rows) > limit:
            return rows[:limit], _position_of(rows[limit - 1])
        if queries >= _MOST_QUERIES and position:
            return rows, position
    return rows, None


def _position_of(row: Mapping[str, Any]) -> _Position:
    return _Position(row["created_at"], row["request_id"])


def _day_before(day: str) -> _Position:
    """Before all rows of that day."""
    before = date.fromisoformat(day) - timedelta(days=1)
    return _Position(f"{before}T23:59:59.999+00:00", None)


def _cursor(position: _Position) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def _position(cursor: str) -> _Position:
    """It names a place in whatever its bearer may read, and opens nothing else."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, b"-_", validate=True)
        position = _Position(*_CURSOR.validate_json(text))
        datetime.fromisoformat(position.created_at)
    except ValueError:
        raise InvalidRequest.at("cursor", "not a next_cursor of this path") from None
    return position


def _within(position: _Position | None, partition: Partition) -> dict[str, Any] | None:
    """Where a query of the partition begins, if the position lies in it."""
    index, value = partition
    if position is None or position.request_id is None:
        return None
    if index == BY_DAY and not position.created_at.startswith(value):
        return None
    return {**position._asdict(), PARTITION_OF[index]: value}
