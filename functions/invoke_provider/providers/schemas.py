"""A caller's JSON schema in the part of the language that a provider's structured outputs take."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from functions.shared.contracts.schema_budget import pointed_at
from functions.shared.contracts.tools import REFUSED_AT_ROOT

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

NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}
"""Of a function that takes none, where the interface demands a schema."""

CLOSED_NO_PARAMETERS: dict[str, Any] = {
    **NO_PARAMETERS,
    "required": [],
    "additionalProperties": False,
}

MAX_STRICT_TOOLS = 20
MAX_OPTIONAL = 24
MAX_UNIONS = 16
"""In all that Claude compiles for one request, properties that are not required among them:
https://platform.claude.com/docs/en/build-with-claude/structured-outputs#schema-complexity-limits"""

MAX_PROPERTIES = 5_000
MAX_LEVELS = 10
MAX_ENUM_VALUES = 1_000
MAX_NAME_CHARACTERS = 120_000
"""In a schema that OpenAI holds a model to strictly; names, and values of enums and constants:
https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas"""

_NEVER_STRICT = frozenset(
    (
        "oneOf", "allOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas",
        "patternProperties",
    )
)  # fmt: skip
_INNER = (
    "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
)  # fmt: skip


def structured_output_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The schema as Claude's structured outputs take it, or None where they cannot express it.

    An object of free names, with values of one kind, would have to be closed, and so empty; one that
    holds itself has no end.
    """
    if _has_free_names(schema) or _is_recursive(schema) or not is_compiled([schema]):
        return None
    return closed(schema)


def is_compiled(schemas: Iterable[dict[str, Any]]) -> bool:
    """Whether Claude compiles all of them together, as far as its limits are told."""
    parts = [part for schema in schemas for part, _ in subschemas_in(schema)]
    optional = sum(len(_properties(part).keys() - _required(part)) for part in parts)
    return optional <= MAX_OPTIONAL and sum(map(_is_union, parts)) <= MAX_UNIONS


def is_strict(schema: dict[str, Any]) -> bool:
    """Whether OpenAI holds a model to it strictly: every object is closed, and all in it required."""
    if schema.get("type") != "object" or any(name in schema for name in REFUSED_AT_ROOT):
        return False
    parts = list(subschemas_in(schema))
    names = [name for part, _ in parts for group in _NAMED for name in _names(part.get(group))]
    values = [value for part, _ in parts for value in _values(part)]
    return (
        all(_is_closed(part) and not _NEVER_STRICT & part.keys() for part, _ in parts)
        and max(level for _, level in parts) <= MAX_LEVELS
        and sum(len(_properties(part)) for part, _ in parts) <= MAX_PROPERTIES
        and sum(len(part.get("enum") or ()) for part, _ in parts) <= MAX_ENUM_VALUES
        and sum(map(len, [*names, *values])) <= MAX_NAME_CHARACTERS
    )


def subschemas_in(schema: Any, level: int = 1) -> Iterator[tuple[dict[str, Any], int]]:
    """The schema and all in it, each with how many objects it lies in; none behind a reference."""
    if not isinstance(schema, dict):
        return
    yield schema, level
    inside = level + ("object" in _types(schema))
    for name in _NAMED:
        for part in schema[name].values() if isinstance(schema.get(name), dict) else ():
            yield from subschemas_in(part, inside if name == "properties" else 1)
    for name in (*_LISTED, "prefixItems"):
        for part in schema[name] if isinstance(schema.get(name), list) else ():
            yield from subschemas_in(part, level)
    for name in _INNER:
        yield from subschemas_in(schema.get(name), inside)


def resolved(reference: Any, root: dict[str, Any]) -> Any:
    """What a reference inside the schema leads to, or None."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    try:
        return pointed_at(root, reference)[0]
    except (LookupError, ValueError):
        return None


def with_items(schema: Any) -> Any:
    """The schema with something in each array: OpenAI answers "array schema missing items" otherwise."""
    if not isinstance(schema, dict):
        return schema
    whole = dict(schema)
    for name in _NAMED & schema.keys():
        if isinstance(schema[name], dict):
            whole[name] = {key: with_items(one) for key, one in schema[name].items()}
    for name in _LISTED.keys() & schema.keys():
        whole[name] = [with_items(one) for one in schema[name]]
    for name in ("items", "additionalProperties"):
        if name in schema:
            whole[name] = with_items(schema[name])
    if "array" in _types(schema):
        whole.setdefault("items", {})
    return whole


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def _required(schema: dict[str, Any]) -> set[str]:
    required = schema.get("required")
    return set(map(str, required)) if isinstance(required, list) else set()


def _is_union(schema: dict[str, Any]) -> bool:
    return isinstance(schema.get("type"), list) or "anyOf" in schema or "oneOf" in schema


def _is_closed(schema: dict[str, Any]) -> bool:
    if "object" not in _types(schema):
        return True
    is_all_required = _required(schema) == _properties(schema).keys()
    return schema.get("additionalProperties") is False and is_all_required


def _names(group: Any) -> list[str]:
    return list(group) if isinstance(group, dict) else []


def _values(schema: dict[str, Any]) -> list[str]:
    values = [*(schema.get("enum") or ()), schema.get("const")]
    return [value for value in values if isinstance(value, str)]


def _is_recursive(root: dict[str, Any]) -> bool:
    known: set[str] = set()

    def leads_back(schema: Any, way: frozenset[str]) -> bool:
        for part, _ in subschemas_in(schema):
            reference = part.get("$ref")
            if not isinstance(reference, str) or reference in known:
                continue
            if reference in way:
                return True
            if leads_back(resolved(reference, root), way | {reference}):
                return True
            known.add(reference)
        return False

    return leads_back(root, frozenset({"#"}))


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
