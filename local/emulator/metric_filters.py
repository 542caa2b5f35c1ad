"""Metric filters and patterns of a JSON field: upstream keeps the filters but applies none of them,
and takes every pattern of fields for one that matches all events."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import cloudwatch
from ministack.services import cloudwatch_logs as logs

from local.velocity.variables import value_at

Matches = Callable[[str], bool]

FORM = '{ $.field = "text" }'
"""The one form of JSON patterns here. Patterns of words are upstream's."""

_FIELD_IS_TEXT = re.compile(r'\{ *\$\.([\w.]+) *= *"([^"*%\\]*)" *\}')

_compile_terms = logs._compile_filter_pattern
_put_metric_filter = logs._put_metric_filter
_filter_log_events = logs._filter_log_events


class UnsupportedPattern(Exception):
    """The pattern is none that we can evaluate."""


@lru_cache(maxsize=256)
def matcher_of(pattern: str) -> Matches:
    """Whether a message matches. Raises UnsupportedPattern."""
    if not pattern.strip().startswith("{"):
        terms: Matches = _compile_terms(pattern)
        return terms
    found = _FIELD_IS_TEXT.fullmatch(pattern.strip())
    if found is None:
        raise UnsupportedPattern(f"unsupported pattern, which has not the form {FORM}: {pattern}")
    field, text = found.groups()

    def matches(message: str) -> bool:
        try:
            return bool(value_at(json.loads(message), field) == text)
        except ValueError:
            return False

    return matches


def publish(group: str, message: str, _timestamp_ms: int) -> None:
    """Let every metric filter of the group look at an event."""
    for (filtered_group, _name), found in list(logs._metric_filters.items()):
        if filtered_group == group and matcher_of(found["filterPattern"])(message):
            for transformation in found["metricTransformations"]:
                cloudwatch.record_metric(
                    transformation["metricNamespace"],
                    transformation["metricName"],
                    float(transformation["metricValue"]),
                    transformation.get("unit", "None"),
                )


def put(request: dict[str, Any]) -> Any:
    """Put a filter that we can apply: of a supported pattern, with a number and no dimensions."""
    try:
        matcher_of(request.get("filterPattern", ""))
        for transformation in request.get("metricTransformations", ()):
            _check(transformation)
    except (UnsupportedPattern, ValueError) as error:
        return error_response_json("InvalidParameterException", str(error))
    return _put_metric_filter(request)


def _check(transformation: dict[str, Any]) -> None:
    float(transformation["metricValue"])
    if transformation.get("dimensions"):
        raise UnsupportedPattern("unsupported: dimensions of a metric filter")


def _filter_events(request: dict[str, Any]) -> Any:
    try:
        return _filter_log_events(request)
    except UnsupportedPattern as error:
        return error_response_json("InvalidParameterException", str(error))


def install() -> None:
    """Replace ministack's functions, and listen to the log."""
    from local.emulator.log_events import LISTENERS

    logs._compile_filter_pattern = matcher_of
    logs._filter_log_events = _filter_events
    logs._put_metric_filter = put
    LISTENERS.append(publish)
