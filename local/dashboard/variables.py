"""Variables of a dashboard: what they can be set to, and the widgets when they are set."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.services import cloudwatch

from local.dashboard.metric_rows import rows_of
from local.dashboard.problem import BadWidget
from local.emulator.metric_math import ExpressionFailed
from local.emulator.metric_search import Candidate, search_for

Json = dict[str, Any]

_FIRST = "__FIRST"


def variable_of(definition: Mapping[str, Any], chosen: Mapping[str, str]) -> Json:
    """A variable as the page offers it: {id, label, input, options: [{value, label}], value}."""
    options = _options(definition)
    value = chosen.get(definition["id"]) or definition.get("defaultValue")
    if value == _FIRST:
        value = options[0]["value"] if options else None
    replaced = definition.get("property") or definition.get("pattern")
    return {
        "id": definition["id"],
        "label": definition.get("label") or replaced,
        "input": definition.get("inputType", "select"),
        "visible": definition.get("visible") is not False,
        "options": options,
        "value": value,
    }


def _options(definition: Mapping[str, Any]) -> list[dict[str, str]]:
    if not definition.get("search"):
        return [
            {"value": one["value"], "label": one.get("label") or one["value"]}
            for one in definition.get("values", ())
        ]
    try:
        matches = search_for(definition["search"])
    except ExpressionFailed as failure:
        raise BadWidget(str(failure)) from failure
    metrics = [
        Candidate(namespace, name, points[0]["Dimensions"])
        for (namespace, name, _), points in cloudwatch._metrics.items()
        if points
    ]
    dimension = definition.get("populateFrom", "")
    found = {one.dimensions.get(dimension) for one in metrics if matches(one)} - {None}
    return [{"value": value, "label": value} for value in sorted(filter(None, found))]


def substituted(widgets: Sequence[Json], definition: Mapping[str, Any], value: str) -> list[Json]:
    """The widgets with a variable set. Raises BadWidget."""
    if definition.get("type") == "pattern":
        return _with_pattern(widgets, definition["pattern"], value)
    return [_with_property(widget, definition["property"], value) for widget in widgets]


def _with_pattern(widgets: Sequence[Json], pattern: str, value: str) -> list[Json]:
    escaped = json.dumps(value)[1:-1]
    try:
        replaced = re.sub(pattern, lambda _: escaped, json.dumps(widgets, ensure_ascii=False))
        changed: list[Json] = json.loads(replaced)
    except (re.error, ValueError) as error:
        raise BadWidget(f"the variable's pattern {pattern!r} cannot be applied") from error
    return changed


def _with_property(node: Any, name: str, value: str) -> Any:
    if isinstance(node, list):
        return [_with_property(one, name, value) for one in node]
    if not isinstance(node, dict):
        return node
    return {key: _member(key, child, name, value) for key, child in node.items()}


def _member(key: str, child: Any, name: str, value: str) -> Any:
    if key == name and not isinstance(child, dict | list):
        return value
    if key == "metrics":
        return [_with_dimension(row.written(), name, value) for row in rows_of(child)]
    return _with_property(child, name, value)


def _with_dimension(row: list[Any], name: str, value: str) -> list[Any]:
    """A metric's dimension, and in a SEARCH the dimension's sought value."""
    texts = [text for text in row if isinstance(text, str)]
    options = [_with_property(one, name, value) for one in row if isinstance(one, dict)]
    for place in range(2, len(texts), 2):
        if texts[place] == name:
            texts[place + 1] = value
    sought = re.compile(rf'(?<![\w.]){re.escape(name)}\s*=\s*"[^"]*"')
    for option in options:
        if "expression" in option:
            option["expression"] = sought.sub(lambda _: f'{name}="{value}"', option["expression"])
    return [*texts, *options]
