"""Variables of a dashboard: what they can be set to, and the widgets when they are set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from local.dashboard.metric_rows import rows_of
from local.dashboard.problem import BadWidget

Json = dict[str, Any]


def variable_of(definition: Mapping[str, Any], chosen: Mapping[str, str]) -> Json:
    """A variable as the page offers it: {id, label, input, options: [{value, label}], value}.

    Raises BadWidget for one that is not a property with listed values, and for a value that is not
    one of them: what is `chosen` comes with a request, and may change a widget no further.
    """
    if definition.get("type") != "property" or "values" not in definition:
        raise BadWidget(f"The variable {definition['id']} is no property with listed values.")
    value = chosen.get(definition["id"]) or None
    if value not in {None, *(one["value"] for one in definition["values"])}:
        raise BadWidget(f"The variable {definition['id']} cannot be set to that value.")
    return {
        "id": definition["id"],
        "label": definition.get("label") or definition["property"],
        "input": definition.get("inputType", "select"),
        "visible": definition.get("visible") is not False,
        "options": [
            {"value": one["value"], "label": one.get("label") or one["value"]}
            for one in definition["values"]
        ],
        "value": value or definition.get("defaultValue"),
    }


def substituted(widgets: Sequence[Json], definition: Mapping[str, Any], value: str) -> list[Json]:
    """The widgets with a variable set. Raises BadWidget."""
    return [_with_property(widget, definition["property"], value) for widget in widgets]


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
    texts = [text for text in row if isinstance(text, str)]
    options = [_with_property(one, name, value) for one in row if isinstance(one, dict)]
    for place in range(2, len(texts), 2):
        if texts[place] == name:
            texts[place + 1] = value
    return [*texts, *options]
