"""`/metrics/logs`: requests one by one, newest first, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from functions.shared.callers.directory import Directory
from functions.shared.gateway.paging import PageQuery, Paging, Part, Position
from functions.shared.gateway.reader import Partition, Reader
from functions.shared.storage.request_log import BY_DAY, PARTITION_OF, RequestLog
from functions.shared.storage.time_index import Page
from functions.shared.times import restamped, stamp
from functions.shared.vocabulary import EndStatus, Frozen, Listing, Usd, in_usd

_DAYS_BACK = 31
_FILTERS = ("model", "provider", "task", "status")


class LogsQuery(PageQuery):
    """`caller` is a name, or the id of one that has none."""

    model: str | None = None
    provider: str | None = None
    task: str | None = None
    status: EndStatus | None = None
    caller: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    caller_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None

    @model_validator(mode="after")
    def _names_one_caller(self) -> Self:
        if self.caller is not None and self.caller_id is not None:
            raise ValueError("name a caller either by caller or by caller_id")
        return self

    @property
    def filters(self) -> dict[str, str]:
        """What a row's attributes have to be."""
        return {name: value for name in _FILTERS if (value := getattr(self, name)) is not None}


class LoggedRequest(Frozen):
    """What the indexes hold of a row, and what its caller is called; null is what a request that ended
    early never had, and what rows of an earlier version lack. A `cached` one is no sample of latency."""

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
    cached: bool = False
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


class LogsPage(Listing):
    """Go on while there is a `next_cursor`: a page of filtered rows may be short, or empty."""

    data: list[LoggedRequest]

    reader: LogsReader


def logs_page(
    query: LogsQuery, reader: Reader, names: Directory, log: RequestLog, now: datetime
) -> LogsPage:
    """One query of an index, unless a day ends or a filter leaves too little.

    Raises `Forbidden`, `InvalidRequest` for a cursor that is not ours, and `ClientError`.
    """
    now = now.astimezone(UTC)
    first, last, position = query.stretch(now - timedelta(days=_DAYS_BACK), now)
    wanted = names.id_of(query.caller) if query.caller else query.caller_id
    partitions = list(reader.partitions(wanted, first, last))
    rows, cursor = list[dict[str, Any]](), None
    if stamp(first) <= stamp(last):
        paging = Paging("created_at", "request_id", is_filtered=bool(query.filters))
        read = partial(log.newest, first=stamp(first), last=stamp(last), equal=query.filters)
        parts = _parts(read, partitions, position, is_filtered=paging.is_filtered)
        rows, cursor = paging.first_page(parts, query.limit)
    return LogsPage(
        data=[_logged(row, names) for row in rows],
        next_cursor=cursor,
        reader=LogsReader(caller_id=reader.caller_id, is_operator=reader.is_operator),
    )


def _logged(row: dict[str, Any], names: Directory) -> LoggedRequest:
    caller = names.name_of(row["caller_id"])
    # Only a kept answer has no time of its own.
    cached = row["status"] == "SUCCEEDED" and "latency_ms" not in row
    return LoggedRequest.model_validate(
        in_usd(restamped(row)) | {"caller": caller, "cached": cached}
    )


def _parts(
    read: partial[Page],
    partitions: Sequence[Partition],
    position: Position | None,
    *,
    is_filtered: bool,
) -> Iterator[Part]:
    """A page of filtered rows may end with any day but the last."""
    for partition in partitions:
        is_last = partition == partitions[-1]
        end = _day_before(partition[1]) if is_filtered and not is_last else None
        yield Part(partial(read, partition), _within(position, partition), end)


def _day_before(day: str) -> Position:
    """Before all rows of that day."""
    before = date.fromisoformat(day) - timedelta(days=1)
    return Position(f"{before}T23:59:59.999Z", None)


def _within(position: Position | None, partition: Partition) -> dict[str, Any] | None:
    """Where a query of the partition begins, if the position lies in it."""
    index, value = partition
    if position is None or position.row_id is None:
        return None
    if index == BY_DAY and not position.time.startswith(value):
        return None
    key = {"created_at": position.time, "request_id": position.row_id}
    return {**key, PARTITION_OF[index]: value}
