"""A smallest value that a JSON Schema accepts, for simulated answers.

Knows what tool and answer schemas use in practice; `pattern`, `not` and conditions are beyond it.
"""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

Schema = dict[str, Any]

MAX_DEPTH = 32
_FORMATS = {
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample_of(schema: Schema) -> JsonValue:
    """None where the schema refers to itself without end."""
    return _sample(schema, schema, 0)


def _sample(schema: Any, root: Schema, depth: int) -> JsonValue:
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return None
    schema = _resolved(schema, root)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]  # type: ignore[no-any-return]
    if schema.get("enum"):
        return schema["enum"][0]  # type: ignore[no-any-return]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return _sample(schema[key][0], root, depth + 1)
    return _typed(schema, root, depth)


def _resolved(schema: Schema, root: Schema) -> Schema:
    """References followed (they may chain), `allOf` merged."""
    for _ in range(MAX_DEPTH):
        if "$ref" not in schema:
            break
        target: Any = root
        for step in str(schema["$ref"]).removeprefix("#").strip("/").split("/"):
            target = target.get(step, {}) if isinstance(target, dict) and step else target
        schema = target if isinstance(target, dict) else {}
    merged = dict(schema)
    for part in merged.pop("allOf", []):
        other = _resolved(part, root)
        merged = {
            **merged,
            **other,
            "properties": {**merged.get("properties", {}), **other.get("properties", {})},
            "required": [*merged.get("required", []), *other.get("required", [])],
        }
    return merged


def _typed(schema: Schema, root: Schema, depth: int) -> JsonValue:
    kind = schema.get("type")
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "object":
            return _object(schema, root, depth)
        case "array":
            items = [_sample(schema.get("items", {}), root, depth + 1)]
            return items * int(schema.get("minItems", 0))
        case "string":
            text = _FORMATS.get(schema.get("format", ""), "")
            return text.ljust(int(schema.get("minLength", 0)), ".")[: schema.get("maxLength")]
        case "integer" | "number" as numeric:
            return _number(schema, numeric == "integer")
        case "boolean":
            return False
        case _:
            return _object(schema, root, depth) if "properties" in schema else None


def _object(schema: Schema, root: Schema, depth: int) -> dict[str, JsonValue]:
    properties = schema.get("properties", {})
    return {
        name: _sample(properties.get(name, {}), root, depth + 1)
        for name in schema.get("required", [])
    }


def _number(schema: Schema, whole: bool) -> int | float:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    step = 1 if whole else 0.5
    if low is None and above is not None:
        low = above + step
    if high is None and below is not None:
        high = below - step
    value = 0 if low is None else max(0, low)
    value = value if high is None else min(value, high)
    return int(value) if whole else value
