"""A caller's JSON schema in the part of the language that structured outputs of Claude take."""

from __future__ import annotations

import json
from typing import Any

_LIMITS = frozenset(
    (
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
        "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties",
    )
)  # fmt: skip
"""Refused as keywords. Whether the answer keeps them is checked when it has come."""

_IN_WORDS = "Answer with one JSON value and nothing else. It must satisfy this JSON schema:"

_NAMED = frozenset({"properties", "$defs", "definitions"})
_LISTED = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_FEWEST_ITEMS = (0, 1)


def structured_output_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The schema as structured outputs take it, or None where they cannot express it.

    An object of free names, with values of one kind, would have to be closed, and so empty.
    """
    return None if _has_free_names(schema) else closed(schema)


def with_schema_in_words(system: str, schema: dict[str, Any]) -> str:
    """The system text with the schema behind it; whether the answer keeps to it is checked."""
    words = f"{_IN_WORDS} {json.dumps(schema, ensure_ascii=False)}"
    return f"{system}\n\n{words}" if system else words


def _has_free_names(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(map(_has_free_names, schema))
    if not isinstance(schema, dict):
        return False
    names = schema.get("additionalProperties")
    return isinstance(names, dict) or any(map(_has_free_names, schema.values()))


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with every object closed, and its limits told in words.

    docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html lists what is taken.
    """
    limits = {name: value for name, value in schema.items() if _is_limit(name, value)}
    keywords = dict(
        _keyword(name, value) for name, value in schema.items() if not _is_limit(name, value)
    )
    if "object" in _types(schema):
        keywords["additionalProperties"] = False
    if limits:
        parts = (schema.get("description"), json.dumps(limits, ensure_ascii=False))
        keywords["description"] = " ".join(str(part) for part in parts if part)
    return keywords


def _is_limit(name: str, value: Any) -> bool:
    return name in _LIMITS or (name == "minItems" and value not in _FEWEST_ITEMS)


def _types(schema: dict[str, Any]) -> list[Any]:
    types = schema.get("type", "object" if "properties" in schema else None)
    return types if isinstance(types, list) else [types]


def _keyword(name: str, value: Any) -> tuple[str, Any]:
    if name in _NAMED and isinstance(value, dict):
        return name, {key: _inner(inner) for key, inner in value.items()}
    if name in _LISTED and isinstance(value, list):
        return _LISTED[name], [_inner(inner) for inner in value]
    return name, _inner(value) if name == "items" else value


def _inner(schema: Any) -> Any:
    return closed(schema) if isinstance(schema, dict) else schema
