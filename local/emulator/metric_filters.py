"""Metric filters and patterns of JSON fields: upstream keeps the filters but applies none of them,
and takes every pattern of fields for one that matches all events."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from ministack.services import cloudwatch
from ministack.services import cloudwatch_logs as logs

from local.velocity.variables import json_path

Matches = Callable[[str], bool]
Test = Callable[[Any], bool]

_compile_terms = logs._compile_filter_pattern

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<sign>&&|\|\||<=|>=|!=|[()=<>])
      | (?P<selector>\$(?:\.[\w-]+|\.?\[(?:\d+|"[^"]*"|'[^']*')\])+)
      | (?P<text>"(?:[^"\\]|\\.)*")
      | (?P<word>[^\s()=<>!&|"]+)
    )\s*""",
    re.VERBOSE,
)
_NUMERIC: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_KINDS: dict[str, Test] = {
    "TRUE": lambda value: value is True,
    "FALSE": lambda value: value is False,
}


class UnsupportedPattern(Exception):
    """The pattern is none that we can evaluate."""


@lru_cache(maxsize=256)
def matcher_of(pattern: str) -> Matches:
    """Whether a message matches; what we cannot evaluate is logged and matches nothing."""
    if not pattern.strip().startswith("{"):
        terms: Matches = _compile_terms(pattern)
        return terms
    try:
        test = _Pattern(pattern).parsed()
    except UnsupportedPattern as error:
        logs.logger.error("filter pattern %s: %s", pattern, error)
        return lambda _message: False

    def matches(message: str) -> bool:
        event = _json_object(message)
        return event is not None and test(event)

    return matches


def publish(group: str, message: str, _timestamp_ms: int) -> None:
    """Let every metric filter of the group look at an event."""
    for (filtered_group, _name), found in list(logs._metric_filters.items()):
        if filtered_group == group and matcher_of(found["filterPattern"])(message):
            for transformation in found["metricTransformations"]:
                _transform(transformation, _json_object(message))


def _transform(transformation: dict[str, Any], event: Any) -> None:
    value = _number(_filled(transformation["metricValue"], event))
    dimensions = {
        name: _filled(source, event)
        for name, source in (transformation.get("dimensions") or {}).items()
    }
    if value is None or None in dimensions.values():
        return
    cloudwatch.record_metric(
        transformation["metricNamespace"],
        transformation["metricName"],
        float(value),
        transformation.get("unit", "None"),
        {name: str(value) for name, value in dimensions.items()},
    )


def _filled(source: Any, event: Any) -> Any:
    """A constant, or the value of the field that `$.name` selects."""
    text = str(source)
    return json_path(event, text) if text.startswith("$") else text


def _number(value: Any) -> Decimal | None:
    try:
        return None if value is None or isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        return None


def _json_object(message: str) -> Any:
    try:
        event = json.loads(message, parse_float=Decimal)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


class _Pattern:
    """`{ ($.a = "x*") && ($.b > 1 || $.c IS TRUE) }`, read from left to right."""

    def __init__(self, pattern: str) -> None:
        body = pattern.strip()
        if not body.endswith("}"):
            raise UnsupportedPattern("the closing brace is missing")
        self._tokens: list[tuple[str, str]] = []
        body, position = body[1:-1].strip(), 0
        while position < len(body):
            found = _TOKEN.match(body, position)
            if not found:
                raise UnsupportedPattern(f"at {body[position:]!r}")
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            position = found.end()

    def parsed(self) -> Test:
        test = self._either()
        if self._tokens:
            raise UnsupportedPattern(f"at {self._tokens[0][1]!r}")
        return test

    def _either(self) -> Test:
        tests = [self._all()]
        while self._skip("||"):
            tests.append(self._all())
        return lambda event: any(test(event) for test in tests)

    def _all(self) -> Test:
        tests = [self._term()]
        while self._skip("&&"):
            tests.append(self._term())
        return lambda event: all(test(event) for test in tests)

    def _term(self) -> Test:
        if self._skip("("):
            test = self._either()
            if not self._skip(")"):
                raise UnsupportedPattern("a parenthesis is not closed")
            return test
        kind, selector = self._next()
        if kind != "selector":
            raise UnsupportedPattern(f"at {selector!r}")
        path = selector.replace(".[", "[")
        test = self._comparison()
        return lambda event: test(json_path(event, path))

    def _comparison(self) -> Test:
        kind, sign = self._next()
        if kind == "word" and sign.upper() in {"IS", "NOT"}:
            _, what = self._next()
            # A null cannot be told from a missing field here; AWS has a word for each.
            if (sign.upper(), what.upper()) in {("NOT", "EXISTS"), ("IS", "NULL")}:
                return lambda value: value is None
            if sign.upper() == "IS" and what.upper() in _KINDS:
                return _KINDS[what.upper()]
        elif sign in _NUMERIC:
            kind, literal = self._next()
            if kind == "word" and (number := _number(literal)) is not None:
                return _compares(_NUMERIC[sign], number)
            if kind in {"word", "text"} and sign in {"=", "!="} and not literal.startswith("%"):
                text = json.loads(literal) if kind == "text" else literal
                return _reads(text, sign == "=")
        raise UnsupportedPattern(f"at {sign!r}")

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            raise UnsupportedPattern("it ends too early")
        return self._tokens.pop(0)

    def _skip(self, sign: str) -> bool:
        if self._tokens and self._tokens[0] == ("sign", sign):
            self._tokens.pop(0)
            return True
        return False


def _compares(compare: Callable[[Any, Any], bool], number: Decimal) -> Test:
    """Only numbers compare with a number: the text "429" is none."""

    def test(value: Any) -> bool:
        is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        return is_number and compare(value, number)

    return test


def _reads(text: str, equal: bool) -> Test:
    """`*` stands for any text; what does not exist is neither equal nor unequal."""
    pattern = re.compile(".*".join(re.escape(part) for part in text.split("*")), re.DOTALL)

    def test(value: Any) -> bool:
        if text == "*":
            return equal and value is not None
        return isinstance(value, str) and bool(pattern.fullmatch(value)) is equal

    return test


def install() -> None:
    """Replace ministack's function, and listen to the log."""
    from local.emulator.log_events import LISTENERS

    logs._compile_filter_pattern = matcher_of
    LISTENERS.append(publish)
