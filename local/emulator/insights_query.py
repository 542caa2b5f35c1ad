"""The query language of Logs Insights, as far as saved queries and the dashboard use it.

`fields`, `display`, `filter`, `stats … by`, `sort`, `limit`; other commands are malformed here.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal, InvalidOperation
from typing import Any

Row = dict[str, Any]
"""Text or Decimal by field name; a truth is 1 or 0."""
Expression = Callable[[Any], Any]
"""Of a row; inside `stats`, of the rows of a group."""
Command = Callable[[list[Row]], list[Row]]

_MAX_ROWS = 10_000
_COMPUTED = Context(prec=15)
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S.%f"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<period>\d+[smhdw]\b)
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<name>`[^`]+`|[A-Za-z_@][\w.@]*)
      | (?P<sign><=|>=|!=|=~|[-=<>+*/%(),|\[\]])""",
    re.VERBOSE,
)
_PATTERN = re.compile(r"\s*/((?:[^/\\]|\\.)+)/(i?)")


class MalformedQuery(Exception):
    """The query is none, or uses what the local Logs Insights lacks."""


def text_of(value: Any) -> str:
    """A value as results show it."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value)


class Query:
    """A parsed query. Raises MalformedQuery."""

    def __init__(self, query: str) -> None:
        self.matched = 0
        """How many events passed the filters of the last run."""
        self._columns: list[str] = []
        self._grouped = False
        parser = _Parser(query)
        self._commands = [self._command(parser)]
        while parser.skip("|"):
            self._commands.append(self._command(parser))
        parser.expect_end()

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
        columns = [*(self._columns or ["@timestamp", "@message"]), "@ptr"]
        return [{name: row[name] for name in columns if name in row} for row in rows]

    def _command(self, parser: _Parser) -> tuple[str, Command]:
        name = parser.name().lower()
        commands: dict[str, Callable[[_Parser], Command]] = {
            "fields": self._fields,
            "display": self._display,
            "filter": _filter,
            "stats": self._stats,
            "sort": _sort,
            "limit": _limit,
        }
        if name not in commands:
            raise MalformedQuery(f"unknown or unsupported command: {name}")
        return name, commands[name](parser)

    def _fields(self, parser: _Parser) -> Command:
        columns = parser.columns()
        self._columns += [column.name for column in columns]

        def command(rows: list[Row]) -> list[Row]:
            return [row | {column.name: column.of(row) for column in columns} for row in rows]

        return command

    def _display(self, parser: _Parser) -> Command:
        self._columns = []
        return self._fields(parser)

    def _stats(self, parser: _Parser) -> Command:
        self._grouped = True
        parser.in_stats = True
        statistics = parser.columns()
        parser.in_stats = False
        keys = parser.columns() if parser.skip_word("by") else []

        def command(rows: list[Row]) -> list[Row]:
            groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): []}
            for row in rows:
                groups.setdefault(tuple(key.of(row) for key in keys), []).append(row)
            return [
                dict(zip((key.name for key in keys), values, strict=True))
                | {column.name: column.of(group) for column in statistics}
                for values, group in groups.items()
            ]

        return command


def _filter(parser: _Parser) -> Command:
    condition = parser.condition()
    return lambda rows: [row for row in rows if condition(row)]


def _sort(parser: _Parser) -> Command:
    keys = [(parser.expression(), parser.skip_direction())]
    while parser.skip(","):
        keys.append((parser.expression(), parser.skip_direction()))

    def command(rows: list[Row]) -> list[Row]:
        for key, descending in reversed(keys):
            rows = sorted(rows, key=lambda row, of=key: _order(of(row)), reverse=descending)  # type: ignore[misc]
        return rows

    return command


def _order(value: Any) -> tuple[int, Any]:
    """Numbers before texts; what is missing is least."""
    if value is None:
        return (0, 0)
    number = _number(value)
    return (2, str(value)) if number is None else (1, number)


def _limit(parser: _Parser) -> Command:
    count = int(parser.number())
    return lambda rows: rows[:count]


@dataclass(frozen=True)
class _Column:
    name: str
    of: Expression


class _Parser:
    """Reads expressions from left to right."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._position = 0
        self._end_of_last = 0
        self.in_stats = False

    def columns(self) -> list[_Column]:
        """`expression [as name]`, separated by commas."""
        columns = [self._column()]
        while self.skip(","):
            columns.append(self._column())
        return columns

    def _column(self) -> _Column:
        self._peek()
        start = self._position
        of = self.expression()
        written = self._query[start : self._end_of_last].strip().strip("`")
        return _Column(self.name() if self.skip_word("as") else written, of)

    def condition(self) -> Expression:
        """`a or b`."""
        either = [self._both()]
        while self.skip_word("or"):
            either.append(self._both())
        return either[0] if len(either) == 1 else lambda row: any(one(row) for one in either)

    def _both(self) -> Expression:
        both = [self._negation()]
        while self.skip_word("and"):
            both.append(self._negation())
        return both[0] if len(both) == 1 else lambda row: all(one(row) for one in both)

    def _negation(self) -> Expression:
        if self.skip_word("not"):
            negated = self._negation()
            return lambda row: not negated(row)
        return self._comparison()

    def _comparison(self) -> Expression:
        left = self.expression()
        negated = self.skip_word("not")
        test: Expression | None = None
        if self.skip_word("like") or self.skip("=~"):
            pattern = self._pattern()
            test = lambda row: bool(pattern.search(text_of(_or_empty(left(row)))))  # noqa: E731
        elif self.skip_word("in"):
            choices = self._list()
            test = lambda row: any(_equal(left(row), one(row)) for one in choices)  # noqa: E731
        if test is not None:
            found = test
            return (lambda row: not found(row)) if negated else found
        if negated:
            raise self._wrong("like or in")
        for sign, compare in _COMPARISONS.items():
            if self.skip(sign):
                right = self.expression()
                return lambda row: compare(left(row), right(row))
        return left

    def expression(self) -> Expression:
        """Sums of products."""
        return self._left_to_right({"+": operator.add, "-": operator.sub}, self._product)

    def _product(self) -> Expression:
        signs = {"*": operator.mul, "/": _divided, "%": operator.mod}
        return self._left_to_right(signs, self._operand)

    def _left_to_right(
        self, signs: dict[str, Callable[[Any, Any], Any]], operand: Callable[[], Expression]
    ) -> Expression:
        result = operand()
        while sign := next((sign for sign in signs if self.skip(sign)), None):
            result = _arithmetic(signs[sign], result, operand())
        return result

    def _operand(self) -> Expression:
        kind, token = self._take()
        if kind in {"number", "text"}:
            constant = Decimal(token) if kind == "number" else _unquoted(token)
            return lambda _row: constant
        if (kind, token) == ("sign", "("):
            inner = self.condition()
            self._expect(")")
            return inner
        if (kind, token) == ("sign", "-"):
            return _arithmetic(operator.sub, lambda _row: Decimal(0), self._operand())
        if kind != "name":
            raise MalformedQuery(f"unexpected {token!r}")
        if not token.startswith("`"):
            if self.skip("("):
                return self._aggregate(token) if self.in_stats else self._call(token)
            if token in {"true", "false"}:
                return lambda _row: Decimal(token == "true")  # noqa: S105
        if self.in_stats:
            raise MalformedQuery(f"{token} is outside of an aggregation")
        name = token.strip("`")
        return lambda row: row.get(name)

    def _call(self, name: str) -> Expression:
        if name.lower() in {"bin", "datefloor"}:
            return self._bin(name.lower())
        function = _FUNCTIONS.get(name.lower())
        if function is None:
            raise MalformedQuery(f"unknown or unsupported function: {name}")
        arguments = self._arguments()
        return lambda row: function(*(argument(row) for argument in arguments))

    def _bin(self, name: str) -> Expression:
        of: Expression = lambda row: row.get("@timestamp")  # noqa: E731
        if name == "datefloor":
            of = self.expression()
            self._expect(",")
        kind, period = self._take()
        if kind != "period":
            raise self._wrong("a period such as 5m")
        self._expect(")")
        width_ms = int(period[:-1]) * _SECONDS[period[-1]] * 1000
        return lambda row: _floored(of(row), width_ms)

    def _aggregate(self, name: str) -> Expression:
        if name.lower() not in _AGGREGATIONS:
            raise MalformedQuery(f"unknown or unsupported aggregation: {name}")
        self.in_stats = False
        arguments = [] if self.skip("*") else self._arguments(end="")
        self.in_stats = True
        self._expect(")")
        of = arguments[0] if arguments else lambda _row: Decimal(1)
        more = [argument({}) for argument in arguments[1:]]
        aggregate = _AGGREGATIONS[name.lower()]

        def compute(group: list[Row]) -> Any:
            values = [value for value in map(of, group) if value is not None]
            return aggregate(values, *more)

        return compute

    def _arguments(self, end: str = ")") -> list[Expression]:
        if self.skip(")"):
            return []
        arguments = [self.condition()]
        while self.skip(","):
            arguments.append(self.condition())
        if end:
            self._expect(end)
        return arguments

    def _list(self) -> list[Expression]:
        self._expect("[")
        choices = [self.expression()]
        while self.skip(","):
            choices.append(self.expression())
        self._expect("]")
        return choices

    def _pattern(self) -> re.Pattern[str]:
        written = _PATTERN.match(self._query, self._position)
        try:
            if written:
                self._position = self._end_of_last = written.end()
                return re.compile(written[1], re.IGNORECASE if written[2] else 0)
            kind, token = self._take()
            if kind == "text":
                return re.compile(re.escape(_unquoted(token)))
        except re.error as error:
            raise MalformedQuery(f"not a regular expression: {error}") from error
        raise self._wrong("a text or /pattern/")

    def name(self) -> str:
        """A bare or quoted name."""
        kind, token = self._take()
        if kind != "name":
            raise MalformedQuery(f"unexpected {token!r}")
        return token.strip("`")

    def number(self) -> str:
        """A number's text."""
        kind, token = self._take()
        if kind != "number":
            raise MalformedQuery(f"unexpected {token!r}")
        return token

    def skip(self, sign: str) -> bool:
        """Whether the sign comes next; then it is read."""
        return self._skip("sign", sign)

    def skip_word(self, word: str) -> bool:
        """Whether the keyword comes next; then it is read."""
        return self._skip("name", word)

    def skip_direction(self) -> bool:
        """Whether `desc` comes next; `asc` is read, too."""
        return self.skip_word("desc") or (self.skip_word("asc") and False)

    def _skip(self, kind: str, text: str) -> bool:
        found = self._peek()
        if found and found.lastgroup == kind and found[0].lower() == text:
            self._position = self._end_of_last = found.end()
            return True
        return False

    def expect_end(self) -> None:
        """Raise MalformedQuery when something is left."""
        if self._peek():
            raise self._wrong("the end")

    def _expect(self, sign: str) -> None:
        if not self.skip(sign):
            raise self._wrong(sign)

    def _wrong(self, expected: str) -> MalformedQuery:
        rest = self._query[self._position :].strip()[:20]
        return MalformedQuery(f"expected {expected}, found {rest!r}")

    def _take(self) -> tuple[str, str]:
        found = self._peek()
        if not found:
            raise MalformedQuery("the query ends too early")
        self._position = self._end_of_last = found.end()
        return str(found.lastgroup), found[0]

    def _peek(self) -> re.Match[str] | None:
        for found in self._tokens():
            if found.lastgroup != "space":
                return found
            self._position = found.end()
        if self._position < len(self._query):
            raise MalformedQuery(f"unexpected {self._query[self._position]!r}")
        return None

    def _tokens(self) -> Iterator[re.Match[str]]:
        while found := _TOKEN.match(self._query, self._position):
            yield found


def _unquoted(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1])


def _or_empty(value: Any) -> Any:
    return "" if value is None else value


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        return None
    return number if number.is_finite() else None


def _arithmetic(
    compute: Callable[[Any, Any], Any], left: Expression, right: Expression
) -> Expression:
    def expression(row: Any) -> Any:
        numbers = _number(left(row)), _number(right(row))
        return None if None in numbers else compute(*numbers)

    return expression


def _divided(left: Decimal, right: Decimal) -> Decimal | None:
    return _COMPUTED.divide(left, right) if right else None


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    numbers = _number(left), _number(right)
    return (text_of(left), text_of(right)) if None in numbers else numbers


def _equal(left: Any, right: Any) -> bool:
    """What is missing equals nothing."""
    if left is None or right is None:
        return False
    one, other = _alike(left, right)
    return bool(one == other)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(left: Any, right: Any) -> bool:
        return left is not None and right is not None and compare(*_alike(left, right))

    return test


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<=": _ordered(operator.le),
    ">=": _ordered(operator.ge),
    "<": _ordered(operator.lt),
    ">": _ordered(operator.gt),
}


def _milliseconds(timestamp: Any) -> Decimal | None:
    if timestamp is None:
        return None
    moment = datetime.strptime(str(timestamp), _TIME_FORMAT).replace(tzinfo=UTC)
    return Decimal(round(moment.timestamp() * 1000))


def _floored(timestamp: Any, width_ms: int) -> str | None:
    moment_ms = _milliseconds(timestamp)
    if moment_ms is None:
        return None
    floored = datetime.fromtimestamp(int(moment_ms) // width_ms * width_ms / 1000, UTC)
    return floored.strftime(_TIME_FORMAT)[:-3]


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "ispresent": lambda value: Decimal(value is not None),
    "isblank": lambda value: Decimal(not text_of(_or_empty(value)).strip()),
    "isempty": lambda value: Decimal(text_of(_or_empty(value)) == ""),
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "concat": lambda *values: "".join(text_of(_or_empty(value)) for value in values),
    "strlen": lambda value: Decimal(len(text_of(_or_empty(value)))),
    "strcontains": lambda value, part: Decimal(text_of(part) in text_of(_or_empty(value))),
    "tolower": lambda value: text_of(_or_empty(value)).lower(),
    "toupper": lambda value: text_of(_or_empty(value)).upper(),
    "tomillis": _milliseconds,
}


def _numbers(values: list[Any]) -> list[Decimal]:
    return [number for number in map(_number, values) if number is not None]


def _average(values: list[Any]) -> Decimal | None:
    numbers = _numbers(values)
    return _divided(sum(numbers, Decimal(0)), Decimal(len(numbers)))


def _percentile(values: list[Any], percent: Any) -> Decimal | None:
    """By the nearest rank; AWS interpolates approximately."""
    numbers = sorted(_numbers(values))
    rank = math.ceil(len(numbers) * Decimal(percent) / 100)
    return numbers[max(rank, 1) - 1] if numbers else None


_AGGREGATIONS: dict[str, Callable[..., Any]] = {
    "count": lambda values: Decimal(len(values)),
    "count_distinct": lambda values: Decimal(len({text_of(value) for value in values})),
    "sum": lambda values: sum(_numbers(values), Decimal(0)),
    "avg": _average,
    "min": lambda values: min(values, key=_order, default=None),
    "max": lambda values: max(values, key=_order, default=None),
    "pct": _percentile,
    "percentile": _percentile,
    "median": lambda values: _percentile(values, 50),
}
