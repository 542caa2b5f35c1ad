"""Request bodies against a model's draft-4 schema, with the gateway's words for what is wrong."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from jsonschema import Draft4Validator, ValidationError
from ministack.services import apigateway_v1 as gateway

MALFORMED = "[the body is not JSON in UTF-8]"
TOO_DEEP = "[the body is nested too deeply]"


def problem_of(body: bytes, schema: Any) -> str | None:
    """`$context.error.validationErrorString` for a body, or None for a valid one."""
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
        if gateway._json_depth(document) > gateway._MAX_BODY_DEPTH:
            return TOO_DEEP
        errors = sorted(Draft4Validator(schema).iter_errors(document), key=str)
        # Inside the same try: a deeply nested body exhausts the stack in either of the two.
        return f"[{', '.join(map(_wording, errors))}]" if errors else None
    except (ValueError, RecursionError):
        return MALFORMED


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")  # Python reads NaN, Java does not


def _wording(error: ValidationError) -> str:
    """AWS's words, without the value: it may be the prompt."""
    found, allowed = error.instance, error.validator_value
    match error.validator:
        case "required":
            missing = sorted(set(allowed) - set(found))
            return f"object has missing required properties ({_names(missing)})"
        case "additionalProperties":
            extra = sorted(set(found) - set(error.schema.get("properties", {})))
            return (
                "object instance has properties which are not allowed by the schema: "
                f"{_names(extra)}"
            )
        case "type":
            types = sorted([allowed] if isinstance(allowed, str) else allowed)
            return (
                f"instance type ({_type_of(found)}) does not match any allowed primitive type "
                f"(allowed: {_names(types)})"
            )
        case "enum":
            return f"instance value not found in enum (possible values: {_names(allowed)})"
        case "maxLength" | "minLength" | "maxItems" | "minItems" | "maxProperties":
            return f"instance has length {len(found)} ({error.validator}: {allowed})"
        case "minimum" | "maximum" | "multipleOf":
            return f"numeric instance is out of range ({error.validator}: {allowed})"
        case "oneOf" | "anyOf" | "allOf" | "not":
            return "instance failed to match the required schemas"
        case _:
            return f"instance does not satisfy {error.validator}"


def _names(values: list[Any]) -> str:
    return json.dumps(values, separators=(",", ":"))


def _type_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]
