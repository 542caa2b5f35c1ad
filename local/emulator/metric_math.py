"""CloudWatch's metric math, as far as the dashboard and the alarms use it; the rest is refused.

What is used of it is written as Python writes it, and read with Python's own parser.
"""

from __future__ import annotations

import ast
import math
import operator
import statistics
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Protocol

TWO_WEEKS_S = 14 * 24 * 3600
_LEAST_HISTORY = 3  # datapoints before there is a band


class ExpressionFailed(Exception):
    """An expression that has no value; its text says why, and names what is not supported."""


@dataclass(frozen=True)
class Series:
    """Values by the start of their period (epoch seconds), ascending; a missing one has no key."""

    points: Mapping[int, float]
    period_s: int
    label: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    """What a dynamic label can name: MetricName, Namespace, Stat, Period, Dim.<name>."""


Value = float | str | Series | list[Series]
Number = Callable[[float, float], float]


class Source(Protocol):
    """What an expression can refer to."""

    def value(self, query_id: str) -> Value: ...
    def metrics(self) -> Mapping[str, Series]: ...
    def search(self, query: str, stat: str) -> list[Series]: ...
    def times(self, period_s: int) -> Sequence[int]: ...
    def since(self, seconds: int) -> Source:
        """The same, but beginning so many seconds earlier."""
        ...


def evaluate(expression: str, source: Source) -> Series | list[Series]:
    """The value of an expression: one series, or an array of them. Raises ExpressionFailed."""
    try:
        value = _value(ast.parse(expression.strip(), mode="eval").body, source)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ExpressionFailed(f"Error in expression '{expression}': {error}") from error
    if isinstance(value, Series | list):
        return value
    raise ExpressionFailed(f"The expression '{expression}' returns no time series")


def _quotient(left: float, right: float) -> float:
    return left / right if right else math.nan


OPERATORS: Mapping[type[ast.AST], Number] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _quotient,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def _value(node: ast.expr, source: Source) -> Value:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Constant(value=str() as text):
            return text
        case ast.Name(id=query_id):
            return source.value(query_id)
        case (
            ast.BinOp(op=sign, left=first, right=second)
            | ast.Compare(ops=[sign], left=first, comparators=[second])
        ) if type(sign) in OPERATORS:
            function = OPERATORS[type(sign)]
            return _both(function, _value(first, source), _value(second, source))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name, arguments, source)
    raise ExpressionFailed(f"Unsupported: {ast.unparse(node)}")


def _call(name: str, arguments: list[ast.expr], source: Source) -> Value:
    function = FUNCTIONS.get(name)
    if function is None:
        raise ExpressionFailed(f"Unsupported function {name}")
    try:
        return function(source, *arguments)
    except TypeError as error:
        raise ExpressionFailed(f"Unsupported arguments of {name}") from error


def _series(node: ast.expr, source: Source) -> Series:
    value = _value(node, source)
    if isinstance(value, Series):
        return value
    raise ExpressionFailed(f"Unsupported: {ast.unparse(node)} where a time series is needed")


def _number(node: ast.expr, source: Source) -> float:
    value = _value(node, source)
    if isinstance(value, float):
        return value
    raise ExpressionFailed(f"Unsupported: {ast.unparse(node)} where a number is needed")


def _finite(points: Mapping[int, float], period_s: int) -> Series:
    """What is not a number has no datapoint: dividing by zero drops one."""
    kept = {at: float(value) for at, value in points.items() if math.isfinite(value)}
    return Series(kept, period_s)


def _at(value: Value, at: int) -> float:
    """A missing value of a series counts as 0."""
    if isinstance(value, Series):
        return value.points.get(at, 0.0)
    if isinstance(value, float):
        return value
    raise ExpressionFailed("Unsupported: an array of time series, or a text, as an operand")


def _both(function: Number, left: Value, right: Value) -> Value:
    series = [value for value in (left, right) if isinstance(value, Series)]
    if not series:
        return float(function(_at(left, 0), _at(right, 0)))
    points = {at: function(_at(left, at), _at(right, at)) for at in _times_of(series)}
    return _finite(points, max(one.period_s for one in series))


def _times_of(array: Iterable[Series]) -> list[int]:
    return sorted({at for series in array for at in series.points})


def _sum(source: Source, array: ast.expr) -> Series:
    """Time by time, of what is there."""
    series = _value(array, source)
    if not isinstance(series, list) or not series:
        raise ExpressionFailed(f"Unsupported: SUM of {ast.unparse(array)}, which is no array")
    points = {at: math.fsum(one.points.get(at, 0.0) for one in series) for at in _times_of(series)}
    return _finite(points, max(one.period_s for one in series))


def _metrics(source: Source) -> list[Series]:
    return list(source.metrics().values())


def _search(source: Source, query: ast.expr, stat: ast.expr) -> list[Series]:
    match query, stat:
        case ast.Constant(value=str() as sought), ast.Constant(value=str() as statistic):
            return source.search(sought, statistic)
    raise ExpressionFailed("Unsupported: a SEARCH of something else than a text and a statistic")


def _fill(source: Source, metric: ast.expr, filler: ast.expr) -> Series:
    series, number = _series(metric, source), _number(filler, source)
    times = source.times(series.period_s)
    return _finite({at: series.points.get(at, number) for at in times}, series.period_s)


def _if(
    source: Source, condition: ast.expr, then: ast.expr, other: ast.expr | None = None
) -> Series:
    """Without `other` there is no datapoint where the condition does not hold:
    https://aws.amazon.com/blogs/mt/enhance-cloudwatch-metrics-with-metric-math-functions/"""
    deciding, yes = _series(condition, source), _value(then, source)
    no = _value(other, source) if other else math.nan
    points = {at: _at(yes if holds else no, at) for at, holds in deciding.points.items()}
    return _finite(points, deciding.period_s)


def _period(source: Source, metric: ast.expr) -> float:
    return float(_series(metric, source).period_s)


def _band(source: Source, metric: ast.expr, width: ast.expr) -> list[Series]:
    """Upper and lower limit; each of them at every time that has enough datapoints before it."""
    deviations, seen = _number(width, source), _series(metric, source)
    long_ago = math.ceil(TWO_WEEKS_S / seen.period_s) * seen.period_s
    history = _series(metric, source.since(long_ago)).points
    usual = _usual(history, source.times(seen.period_s))
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


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "ANOMALY_DETECTION_BAND": _band,
    "FILL": _fill,
    "IF": _if,
    "METRICS": _metrics,
    "PERIOD": _period,
    "SEARCH": _search,
    "SUM": _sum,
}
