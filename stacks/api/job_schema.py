"""The request's JSON schema as API Gateway understands it: draft 4, without references."""

from __future__ import annotations

from typing import Any

from functions.shared.contracts.request import GenerateRequest

_DROPPED = frozenset(
    {"$defs", "title", "description", "default", "examples", "discriminator", "propertyNames"}
)


def _given(name: str, **schema: Any) -> dict[str, Any]:
    return {"required": [name], "properties": {name: schema}}


def _if_given(name: str, **schema: Any) -> dict[str, Any]:
    return {"properties": {name: schema}}


def _any(*schemas: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": list(schemas)}


def _one(*schemas: dict[str, Any]) -> dict[str, Any]:
    return {"oneOf": list(schemas)}


# What the models check in code, which their generated schemas do not say.
_RULES: dict[str, list[dict[str, Any]]] = {
    "GenerateRequest": [
        _one(_given("text", type="string"), _given("messages", type="array")),
        _any(_if_given("tool_choice", type="null"), _given("tools", type="array")),
        _if_given("max_cost_usd", minimum=0, exclusiveMinimum=True, maximum=1000),
    ],
    "Message": [
        _any(
            _given("content", type="string", minLength=1),
            _given("content", type="array", minItems=1),
            _given("tool_calls", type="array", minItems=1),
        ),
        _any(
            _if_given("role", **{"not": {"enum": ["tool"]}}),
            _given("tool_call_id", type="string", minLength=1),
        ),
        _any(
            _if_given("role", enum=["assistant"]),
            _if_given("tool_calls", **{"not": {"type": "array", "minItems": 1}}),
        ),
        _any(
            _if_given("role", enum=["user"]),
            _if_given("content", **{"not": {"type": "array"}}),
            _if_given("content", items=_if_given("type", enum=["text"])),
        ),
    ],
    "ResponseFormat": [
        _one(
            _if_given("type", **{"not": {"enum": ["json_schema"]}}),
            _given("json_schema", type="object"),
        )
    ],
}


def request_schema() -> dict[str, Any]:
    """What a body of `/jobs` must satisfy, so that no job is accepted that can never run."""
    schema = GenerateRequest.model_json_schema()
    definitions = {**schema.get("$defs", {}), "GenerateRequest": schema}
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        **_resolved("GenerateRequest", definitions),
    }


def _resolved(name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    rules = {"allOf": _RULES[name]} if name in _RULES else {}
    return {**_draft_4(definitions[name], definitions), **rules}


def _draft_4(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _resolved(schema["$ref"].removeprefix("#/$defs/"), definitions)
    rewritten = {
        ("enum" if key == "const" else key): _value(key, value, definitions)
        for key, value in schema.items()
        if key not in _DROPPED
    }
    return _key_lengths(schema.get("propertyNames"), _bounds(rewritten))


def _value(key: str, value: Any, definitions: dict[str, Any]) -> Any:
    """Rewrite the schemas below a keyword; everything else is kept as it is."""
    if key == "const":
        return [value]
    if key == "properties":
        return {name: _draft_4(part, definitions) for name, part in value.items()}
    if key in ("anyOf", "oneOf", "allOf"):
        return [_draft_4(part, definitions) for part in value]
    if key in ("items", "additionalProperties", "not") and isinstance(value, dict):
        return _draft_4(value, definitions)
    return value


def _bounds(schema: dict[str, Any]) -> dict[str, Any]:
    """Draft 4 writes an exclusive bound as a flag beside `minimum` or `maximum`."""
    for bound, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if flag in schema:
            schema[bound], schema[flag] = schema[flag], True
    return schema


def _key_lengths(names: dict[str, Any] | None, schema: dict[str, Any]) -> dict[str, Any]:
    """Draft 4 limits keys by a pattern that the others fail."""
    if names is None:
        return schema
    pattern = rf"^[\s\S]{{{names['minLength']},{names['maxLength']}}}$"
    values = schema.get("additionalProperties", {})
    return {**schema, "patternProperties": {pattern: values}, "additionalProperties": False}
