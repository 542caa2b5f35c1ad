"""The query language of Logs Insights, as far as saved queries and the dashboard use it.

`fields`, `filter`, `stats … by`, `sort` and `limit`; what they do not use of it is malformed here.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

Row = dict[str, Any]
"""Text or Decimal by field name; a truth is 1 or 0."""
Command = Callable[[list[Row]], list[Row]]
Test = Callable[[Row], bool]

One = TypeVar("One")

_MAX_ROWS = 10_000
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+)
      | (?P<text>"[^"\\]*")
      | (?P<name>`[^`]+`|[A-Za-z_@][\w.@]*)
      | (?P<sign>[=*(),|]))\s*""",
    re.VERBOSE,
)


class MalformedQuery(Exception):
    """The query is none, or uses what the local Logs Insights lacks, which the text names."""


def text_of(value: Any) -> str:
    """A value as results show it."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value)


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        return None
    return number if number.is_finite() else None


FUNCTIONS: Mapping[str, Callable[[Any], bool]] = {"ispresent": lambda value: value is not None}
OPERATORS: Mapping[str, Callable[[str, str], bool]] = {"=": operator.eq}
AGGREGATIONS: Mapping[str, Callable[[list[Any]], Decimal]] = {
    "count": lambda values: Decimal(len(values)),
    "sum": lambda values: sum(filter(None, map(_number, values)), Decimal(0)),
}


class Query:
    """A parsed query. Raises MalformedQuery."""

    def __init__(self, query: str) -> None:
        self.matched = 0
        """How many events passed the filters of the last run."""
        self._columns: list[str] = []
        self._grouped = False
        tokens = _Tokens(query)
        self._commands = [self._command(tokens)]
        while tokens.skip("|"):
            self._commands.append(self._command(tokens))
        tokens.expect_end()
        if not self._columns and not self._grouped:
            raise MalformedQuery("a query with neither fields nor stats is not supported")

    def run(self, events: list[Row]) -> list[Row]:
        """The rows in order. Events are given newest first, which stays the order without `sort`."""
        rows = events
        self.matched = len(rows)
        for name, command in self._commands:
            rows = command(rows)
            if name == "filter":
                self.matched = len(rows)
        rows = rows[:_MAX_ROWS]
        if self._grouped:
            return rows
        columns = [*self._columns, "@ptr"]
        return [{name: row[name] for name in columns if name in row} for row in rows]

    def _command(self, tokens: _Tokens) -> tuple[str, Command]:
        name = tokens.name()
        if name not in COMMANDS:
            raise MalformedQuery(f"unknown or unsupported command: {name}")
        return name, COMMANDS[name](self, tokens)

    def _fields(self, tokens: _Tokens) -> Command:
        columns = list(tokens.listed(_column))
        self._columns += [column.name for column in columns]
        renamed = [column for column in columns if column.name != column.field]

        def command(rows: list[Row]) -> list[Row]:
            return [
                row | {one.name: row[one.field] for one in renamed if one.field in row}
                for row in rows
            ]

        return command

    def _filter(self, tokens: _Tokens) -> Command:
        tests = [_test(tokens)]
        while tokens.skip("and"):
            tests.append(_test(tokens))
        return lambda rows: [row for row in rows if all(test(row) for test in tests)]

    def _stats(self, tokens: _Tokens) -> Command:
        self._grouped = True
        statistics = list(tokens.listed(_statistic))
        keys = list(tokens.listed(_Tokens.name)) if tokens.skip("by") else []

        def command(rows: list[Row]) -> list[Row]:
            groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): []}
            for row in rows:
                groups.setdefault(tuple(row.get(key) for key in keys), []).append(row)
            return [
                dict(zip(keys, values, strict=True))
                | {one.name: one.of(group) for one in statistics}
                for values, group in groups.items()
            ]

        return command

    def _sort(self, tokens: _Tokens) -> Command:
        field = tokens.name()
        descending = tokens.skip("desc")
        if not descending:
            tokens.skip("asc")
        return lambda rows: sorted(rows, key=lambda row: _order(row.get(field)), reverse=descending)

    def _limit(self, tokens: _Tokens) -> Command:
        count = int(tokens.take("number"))
        return lambda rows: rows[:count]


COMMANDS: Mapping[str, Callable[[Query, _Tokens], Command]] = {
    "fields": Query._fields,
    "filter": Query._filter,
    "limit": Query._limit,
    "sort": Query._sort,
    "stats": Query._stats,
}


def _order(value: Any) -> tuple[int, Any]:
    """Numbers before texts; what is missing is least."""
    if value is None:
        return (0, 0)
    number = _number(value)
    return (2, str(value)) if number is None else (1, number)


@dataclass(frozen=True)
class _Column:
    name: str
    field: str


def _column(tokens: _Tokens) -> _Column:
    field = tokens.name()
    return _Column(tokens.name() if tokens.skip("as") else field, field)


@dataclass(frozen=True)
class _Statistic:
    name: str
    of: Callable[[list[Row]], Decimal]


def _statistic(tokens: _Tokens) -> _Statistic:
    """`count(*)` or one of a field; what an event lacks is not counted."""
    name = tokens.name()
    if name not in AGGREGATIONS:
        raise MalformedQuery(f"unknown or unsupported aggregation: {name}")
    tokens.expect("(")
    field = None if tokens.skip("*") else tokens.name()
    tokens.expect(")")
    aggregate, written = AGGREGATIONS[name], f"{name}({field or '*'})"

    def of(rows: list[Row]) -> Decimal:
        values = [1 if field is None else row.get(field) for row in rows]
        return aggregate([value for value in values if value is not None])

    return _Statistic(tokens.name() if tokens.skip("as") else written, of)


def _test(tokens: _Tokens) -> Test:
    """`function(field)` or `field = "text"`; a field that is missing equals nothing."""
    name = tokens.name()
    if tokens.skip("("):
        if name not in FUNCTIONS:
            raise MalformedQuery(f"unknown or unsupported function: {name}")
        function, field = FUNCTIONS[name], tokens.name()
        tokens.expect(")")
        return lambda row: function(row.get(field))
    compare = OPERATORS[tokens.expect(*OPERATORS)]
    wanted = tokens.take("text")[1:-1]
    return lambda row: name in row and compare(text_of(row[name]), wanted)


class _Tokens:
    """The words, texts, numbers and signs of a query, from left to right."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._position = 0

    def name(self) -> str:
        """A bare or quoted name."""
        return self.take("name").strip("`")

    def take(self, kind: str) -> str:
        """The next token, which must be of the kind."""
        found = self._next()
        if found is None or found.lastgroup != kind:
            raise self._wrong(f"a {kind}")
        self._position = found.end()
        return str(found[kind])

    def skip(self, word: str) -> bool:
        """Whether the sign or the word comes next; then it is read."""
        found = self._next()
        if found is None or found[found.lastgroup or 0] != word:
            return False
        self._position = found.end()
        return True

    def expect(self, *signs: str) -> str:
        """The one of the signs that comes next."""
        for sign in signs:
            if self.skip(sign):
                return sign
        raise self._wrong(" or ".join(signs))

    def listed(self, read: Callable[[_Tokens], One]) -> Iterator[One]:
        """One or more, separated by commas."""
        yield read(self)
        while self.skip(","):
            yield read(self)

    def expect_end(self) -> None:
        """Raise MalformedQuery when something is left."""
        if self._position < len(self._query):
            raise self._wrong("the end, or what is supported")

    def _next(self) -> re.Match[str] | None:
        return _TOKEN.match(self._query, self._position)

    def _wrong(self, expected: str) -> MalformedQuery:
        rest = self._query[self._position :].strip()[:20]
        return MalformedQuery(f"expected {expected}, found {rest!r}")
