"""Lists that are read newest first, page by page."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, Protocol

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
)

from functions.shared.errors import InvalidRequest
from functions.shared.storage.time_index import Page
from functions.shared.times import from_iso, stamp
from functions.shared.vocabulary import Frozen, RequestId

_MOST_QUERIES = 5
"""That read something, for one page; each reads at most 1 MB, of which a filter may leave nothing."""
_STAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|\+00:00)$"
"""As a row has it, those of earlier versions included: a query begins behind a row's own text."""
_CURSOR = TypeAdapter(
    tuple[Annotated[str, StringConstraints(pattern=_STAMP)], RequestId | None],
    config=ConfigDict(defer_build=True),
)


class Position(NamedTuple):
    """A place in a list: behind the row of this id, or before all that is as old as that."""

    time: str
    row_id: str | None


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("too far from now") from None


Moment = Annotated[AwareDatetime, BeforeValidator(from_iso), AfterValidator(_utc)]


class PageQuery(Frozen):
    """`from` and `to` are ISO times and belong to the page's rows, too."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 20
    cursor: Annotated[str, Field(max_length=500)] | None = None
    first: Annotated[Moment | None, Field(alias="from")] = None
    last: Annotated[Moment | None, Field(alias="to")] = None

    def stretch(
        self, earliest: datetime, now: datetime
    ) -> tuple[datetime, datetime, Position | None]:
        """The first and the last moment that are asked for, both UTC, and where the page begins.

        Raises `InvalidRequest` for a cursor that is not ours.
        """
        first = max(self.first or earliest, earliest)
        last = min(self.last or now, now)
        position = _position(self.cursor) if self.cursor else None
        if position and position.time <= stamp(last):
            return first, datetime.fromisoformat(position.time), position
        return first, last, None  # another `to` than the cursor's may have moved before it


class Query(Protocol):
    """One query of a partition, behind the key `after`."""

    def __call__(self, *, limit: int | None, after: dict[str, Any] | None) -> Page: ...


@dataclass(frozen=True)
class Part:
    """A partition that a list is read of. `begin` is the key behind which its first query begins; `end`,
    where it is told, is where a page may end behind its last."""

    query: Query
    begin: dict[str, Any] | None = None
    end: Position | None = None


@dataclass(frozen=True)
class Paging:
    """What a list's rows call their time and their id, and whether a filter leaves any of them out."""

    time: str
    row_id: str
    is_filtered: bool

    def first_page(
        self, parts: Iterable[Part], limit: int
    ) -> tuple[list[dict[str, Any]], str | None]:
        """As many rows as are asked for, or fewer where that would take too many queries, and the cursor
        of the next page; None at the end."""
        rows: list[dict[str, Any]] = []
        queries = 0
        for page, position in self._reads(parts, limit):
            rows += page.rows
            queries += page.evaluated > 0
            if len(rows) > limit:
                return rows[:limit], _cursor(self._position_of(rows[limit - 1]))
            if queries >= _MOST_QUERIES and position:
                return rows, _cursor(position)
        return rows, None

    def _reads(self, parts: Iterable[Part], limit: int) -> Iterator[tuple[Page, Position | None]]:
        """One query after the other, each with the position at which a page may end behind it.

        None at the very end, and where no part says more: then all that is read is shown.
        """
        # One more than is shown tells whether there are any more.
        wanted = limit + 1
        for part in parts:
            after = part.begin
            while True:
                page = part.query(limit=None if self.is_filtered else wanted, after=after)
                wanted -= len(page.rows)
                after = page.next_key
                yield page, self._position_of(after) if after else part.end
                if after is None:
                    break

    def _position_of(self, row: Mapping[str, Any]) -> Position:
        return Position(row[self.time], row[self.row_id])


def _cursor(position: Position) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def _position(cursor: str) -> Position:
    """It names a place in whatever its bearer may read, and opens nothing else."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, b"-_", validate=True)
        position = Position(*_CURSOR.validate_json(text))
        datetime.fromisoformat(position.time)
    except ValueError:
        raise InvalidRequest.at("cursor", "not a next_cursor of this path") from None
    return position
