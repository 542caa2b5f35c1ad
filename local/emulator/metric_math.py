"""CloudWatch's metric math, read with Python's own parser once its operators are spelled Python's way."""

from __future__ import annotations

import ast
import math
import operator
import re
import statistics
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from itertools import accumulate, pairwise
from typing import Any, Protocol

TWO_WEEKS_S = 14 * 24 * 3600
_LEAST_HISTORY = 3  # datapoints before there is a band


class ExpressionFailed(Exception):
    """An expression that has no value; its text says why."""


@dataclass(frozen=True)
class Series:
    """Values by the start of their period (epoch seconds), ascending; a missing one has no key."""

    points: Mapping[int, float]
    period_s: int
    label: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    """What a dynamic label can name: MetricName, Namespace, Stat, Period, Dim.<name>."""


Value = float | str | Series | list[Series]
Number = Callable[..., float]


class Source(Protocol):
    """What an expression can refer to."""

    period_s: int
    """The period of a series that is made of no metric."""

    def value(self, query_id: str) -> Value: ...
    def metrics(self) -> Mapping[str, Series]: ...
    def search(self, query: str, stat: str, period_s: int) -> list[Series]: ...
    def times(self, period_s: int) -> Sequence[int]: ...
    def since(self, seconds: int) -> Source:
        """The same, but beginning so many seconds earlier."""
        ...


def evaluate(expression: str, source: Source) -> Series | list[Series]:
    """The value of an expression: one series, or an array of them. Raises ExpressionFailed."""
    try:
        tree = ast.parse(f"({_python(expression)})", mode="eval").body
        value = _Evaluator(source).value(tree)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ExpressionFailed(f"Error in expression '{expression}': {error}") from error
    if isinstance(value, Series | list):
        return value
    raise ExpressionFailed(f"The expression '{expression}' returns no time series")


_NAME = "n_"  # an id may be a word of Python's
_PYTHONS = {"AND": " and ", "&&": " and ", "OR": " or ", "||": " or ", "^": "**"}
_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<operator>&&|\|\||\^|\b(?:AND|OR)\b)|(?P<name>(?<![\w.])[A-Za-z_]\w*)"""
)


def _python(expression: str) -> str:
    def spelled(token: re.Match[str]) -> str:
        if token["text"]:
            return f"r{token['text']}"
        return _PYTHONS[token["operator"]] if token["operator"] else _NAME + token["name"]

    return _TOKEN.sub(spelled, expression.strip())


def _quotient(left: float, right: float) -> float:
    return left / right if right else math.nan


def _power(left: float, right: float) -> float:
    try:
        return math.pow(left, right)
    except (ValueError, OverflowError):
        return math.nan


_BINARY: Mapping[type[ast.AST], Number] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _quotient,
    ast.Pow: _power,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.And: lambda left, right: bool(left) and bool(right),
    ast.Or: lambda left, right: bool(left) or bool(right),
}


class _Evaluator:
    def __init__(self, source: Source) -> None:
        self._source = source

    def value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Constant(value=str() as text):
                return text
            case ast.Name(id=name):
                name = name.removeprefix(_NAME)
                return name if name.isupper() else self._source.value(name)
            case ast.List(elts=members):
                return [one for member in members for one in _array(self.value(member))]
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name.removeprefix(_NAME), arguments)
        return self._operation(node)

    def _operation(self, node: ast.expr) -> Value:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _each(operator.neg, self.value(operand))
            case (
                ast.BinOp(op=sign, left=first, right=second)
                | ast.Compare(ops=[sign], left=first, comparators=[second])
            ) if type(sign) in _BINARY:
                return _both(_BINARY[type(sign)], self.value(first), self.value(second))
            case ast.BoolOp(op=sign, values=operands):
                both = partial(_both, _BINARY[type(sign)])
                return reduce(both, map(self.value, operands))
        raise ExpressionFailed("The expression has a part that metric math does not know")

    def _call(self, name: str, nodes: list[ast.expr]) -> Value:
        if name == "ANOMALY_DETECTION_BAND":
            return self._band(*nodes)
        function = _FUNCTIONS.get(name)
        if function is None:
            raise ExpressionFailed(f"Unsupported function {name}")
        arguments = [self.value(node) for node in nodes]
        try:
            return function(self._source, *arguments)
        except TypeError as error:
            raise ExpressionFailed(f"{name} does not take these arguments") from error

    def _band(self, metric: ast.expr, width: ast.expr | None = None) -> list[Series]:
        """Upper and lower limit; each of them at every time that has enough datapoints before it."""
        deviations = _scalar(self.value(width)) if width else 2.0
        seen = _series(self.value(metric))
        long_ago = math.ceil(TWO_WEEKS_S / seen.period_s) * seen.period_s
        history = _series(_Evaluator(self._source.since(long_ago)).value(metric)).points
        usual = _usual(history, self._source.times(seen.period_s))
        return [
            replace(seen, points={at: mean + sign * spread for at, (mean, spread) in usual.items()})
            for sign in (deviations, -deviations)
        ]


def _usual(history: Mapping[int, float], times: Iterable[int]) -> dict[int, tuple[float, float]]:
    """Mean and standard deviation of the two weeks before each time.

    By running sums, of values less their mean: squares of large ones would drown the deviation.
    """
    if not history:
        return {}
    taken_at = list(history)
    middle = statistics.fmean(history.values())
    centred = [value - middle for value in history.values()]
    sums = list(accumulate(centred, initial=0.0))
    squares = list(accumulate((value * value for value in centred), initial=0.0))
    usual = {}
    for at in times:
        first, end = bisect_left(taken_at, at - TWO_WEEKS_S), bisect_left(taken_at, at)
        count = end - first
        if count >= _LEAST_HISTORY:
            mean = (sums[end] - sums[first]) / count
            variance = (squares[end] - squares[first]) / count - mean * mean
            usual[at] = (middle + mean, math.sqrt(max(variance, 0.0)))
    return usual


def _array(value: Value) -> list[Series]:
    if isinstance(value, list):
        return value
    return [_series(value)]


def _series(value: Value) -> Series:
    if isinstance(value, Series):
        return value
    raise ExpressionFailed("A time series is needed where the expression has something else")


def _scalar(value: Value) -> float:
    if isinstance(value, float):
        return value
    raise ExpressionFailed("A number is needed where the expression has something else")


def _kept(series: Series, points: Mapping[int, float]) -> Series:
    """What is not a number has no datapoint: dividing by zero drops one."""
    kept = {at: float(value) for at, value in points.items() if math.isfinite(value)}
    return replace(series, points=kept)


def _each(function: Number, value: Value) -> Value:
    if isinstance(value, list):
        return [_series(_each(function, one)) for one in value]
    if isinstance(value, Series):
        return _kept(value, {at: function(one) for at, one in value.points.items()})
    return float(function(_scalar(value)))


def _both(function: Number, left: Value, right: Value) -> Value:
    """A missing value counts as 0 in arithmetic and in comparisons of two series."""
    if isinstance(left, list) and isinstance(right, list):
        raise ExpressionFailed("An operator takes one array of time series, not two")
    if isinstance(left, list):
        return [_series(_both(function, one, right)) for one in left]
    if isinstance(right, list):
        return [_series(_both(function, left, one)) for one in right]
    if isinstance(left, Series) and isinstance(right, Series):
        return _kept(
            Series({}, max(left.period_s, right.period_s)),
            {
                at: function(left.points.get(at, 0.0), right.points.get(at, 0.0))
                for at in _times_of((left, right))
            },
        )
    if isinstance(left, Series):
        number = _scalar(right)
        return _each(lambda one: function(one, number), left)
    number = _scalar(left)
    return _each(lambda one: function(number, one), right)


def _times_of(array: Iterable[Series]) -> list[int]:
    return sorted({at for series in array for at in series.points})


def _reduction(function: Callable[[list[float]], float], missing: float | None) -> Any:
    """SUM and its like: of one series a number, of an array a series, time by time."""

    def reduced(source: Source, value: Value) -> Value:
        if isinstance(value, Series):
            return float(function(list(value.points.values()))) if value.points else math.nan
        array = _array(value)
        period_s = max((series.period_s for series in array), default=source.period_s)
        points = {}
        for at in _times_of(array):
            found = [series.points.get(at, missing) for series in array]
            points[at] = function([one for one in found if one is not None])
        return _kept(Series({}, period_s), points)

    return reduced


def _mapping(function: Number) -> Any:
    return lambda _source, value: _each(function, value)


def _metrics(source: Source, part: Value = "") -> list[Series]:
    return [series for query_id, series in source.metrics().items() if str(part) in query_id]


def _search(source: Source, query: Value, stat: Value, period_s: Value | None = None) -> Value:
    if not isinstance(query, str) or not isinstance(stat, str):
        raise ExpressionFailed("SEARCH takes a search, a statistic and a period")
    period = source.period_s if period_s is None else int(_scalar(period_s))
    return source.search(query, stat, period)


def _fill(source: Source, value: Value, filler: Value) -> Value:
    if isinstance(value, list):
        return [_series(_fill(source, one, filler)) for one in value]
    series = _series(value)
    if filler == "LINEAR":
        raise ExpressionFailed("Unsupported filler LINEAR")
    last: float | None = None
    points: dict[int, float] = {}
    for at in source.times(series.period_s):
        found = series.points.get(at)
        if found is None:
            found = last if filler == "REPEAT" else _at(filler, at)
        if found is not None:
            points[at] = last = found
    return _kept(series, points)


def _at(value: Value, at: int) -> float | None:
    return value.points.get(at) if isinstance(value, Series) else _scalar(value)


def _if(_source: Source, condition: Value, then: Value, other: Value | None = None) -> Value:
    if isinstance(condition, float):
        return then if condition else Series({}, 60) if other is None else other
    deciding = _series(condition)
    points = {}
    for at, decision in deciding.points.items():
        if decision:
            points[at] = _at(then, at) or 0.0
        elif other is not None and (found := _at(other, at)) is not None:
            points[at] = found
    return _kept(Series({}, deciding.period_s), points)


_ORDERS: Mapping[str, Callable[[list[float]], float]] = {
    "AVG": statistics.fmean,
    "MIN": min,
    "MAX": max,
    "SUM": math.fsum,
}


def _sort(
    _source: Source, value: Value, by: Value, order: Value = "ASC", limit: Value | None = None
) -> Value:
    if by not in _ORDERS or order not in {"ASC", "DESC"}:
        raise ExpressionFailed("SORT takes AVG, MIN, MAX or SUM, and ASC or DESC")
    function = _ORDERS[str(by)]
    with_data = [series for series in _array(value) if series.points]
    ordered = sorted(with_data, key=lambda series: function(list(series.points.values())))
    if order == "DESC":
        ordered.reverse()
    return ordered if limit is None else ordered[: int(_scalar(limit))]


def _changes(per_second: bool) -> Any:
    def changed(source: Source, value: Value) -> Value:
        if isinstance(value, list):
            return [_series(changed(source, one)) for one in value]
        series = _series(value)
        points = {
            later: (after - before) / (later - earlier if per_second else 1)
            for (earlier, before), (later, after) in pairwise(series.points.items())
        }
        return _kept(series, points)

    return changed


def _end_of(index: int) -> Any:
    def one(_source: Source, value: Value) -> Value:
        array = _array(value)
        if not array:
            raise ExpressionFailed("There is no first or last of no time series")
        return array[index]

    return one


def _constant(source: Source, value: Value) -> Value:
    number = _scalar(value)
    return _kept(Series({}, source.period_s), dict.fromkeys(source.times(source.period_s), number))


_FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "SUM": _reduction(math.fsum, missing=0.0),
    "AVG": _reduction(statistics.fmean, missing=0.0),
    "MIN": _reduction(min, missing=None),
    "MAX": _reduction(max, missing=None),
    "ABS": _mapping(abs),
    "CEIL": _mapping(math.ceil),
    "FLOOR": _mapping(math.floor),
    "METRICS": _metrics,
    "SEARCH": _search,
    "FILL": _fill,
    "IF": _if,
    "SORT": _sort,
    "FIRST": _end_of(0),
    "LAST": _end_of(-1),
    "RATE": _changes(per_second=True),
    "DIFF": _changes(per_second=False),
    "TIME_SERIES": _constant,
    "PERIOD": lambda _source, value: float(_series(value).period_s),
    "REMOVE_EMPTY": lambda _source, value: [one for one in _array(value) if one.points],
}
