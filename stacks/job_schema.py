"""The request's JSON schema as API Gateway understands it: draft 4, without references."""

from __future__ import annotations

from typing import Any

from functions.shared.contracts import GenerateRequest

_DRAFT_4 = "http://json-schema.org/draft-04/schema#"
_ANNOTATIONS = frozenset({"$defs", "title", "description", "default", "examples", "discriminator"})
_NAMED_SCHEMAS = ("properties", "patternProperties")


def request_schema() -> dict[str, Any]:
    """What a body of `/jobs` must satisfy; stricter than nothing, never stricter than the engine."""
    schema = GenerateRequest.model_json_schema()
    return {
        "$schema": _DRAFT_4,
        **_draft_4(schema, schema.get("$defs", {})),
        "oneOf": [_given("text", "string"), _given("messages", "array")],
    }


def _given(name: str, kind: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"type": kind}}}


def _draft_4(schema: Any, definitions: dict[str, Any]) -> Any:
    """Rewrite a schema and all schemas in it; values of `enum` and `const` are data, kept as is."""
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return _draft_4(definitions[name], definitions)
    return _bounds(
        {
            ("enum" if key == "const" else key): _value(key, value, definitions)
            for key, value in schema.items()
            if key not in _ANNOTATIONS and key != "propertyNames"
        }
    )


def _value(key: str, value: Any, definitions: dict[str, Any]) -> Any:
    if key == "const":
        return [value]
    if key in _NAMED_SCHEMAS:
        return {name: _draft_4(part, definitions) for name, part in value.items()}
    if key in ("enum", "required", "type"):
        return value
    if isinstance(value, list):
        return [_draft_4(part, definitions) for part in value]
    return _draft_4(value, definitions)


def _bounds(schema: dict[str, Any]) -> dict[str, Any]:
    """Draft 4 writes an exclusive bound as a flag beside `minimum` or `maximum`."""
    for bound, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if flag in schema:
            schema[bound], schema[flag] = schema[flag], True
    return schema
