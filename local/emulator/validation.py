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
        # Inside the same try: a deeply nested body exhausts the stack in either of the two.
        problems = sorted(map(_wording, Draft4Validator(schema).iter_errors(document)))
        return f"[{', '.join(problems)}]" if problems else None
    except (ValueError, RecursionError):
        return MALFORMED


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")  # Python reads NaN, Java does not


def _wording(error: ValidationError) -> str:
    """AWS's words, without the value: it may be the prompt."""
    found: Any = error.instance
    expected: Any = error.validator_value
    schema: Any = error.schema
    keyword = str(error.validator)
    match keyword:
        case "required":
            missing = sorted(set(expected) - set(found))
            wording = f"object has missing required properties ({_names(missing)})"
        case "additionalProperties":
            extra = _names(sorted(set(found) - set(schema.get("properties", {}))))
            wording = f"object instance has properties which are not allowed by the schema: {extra}"
        case "type":
            allowed = _names(sorted([expected] if isinstance(expected, str) else expected))
            wording = (
                f"instance type ({_type_of(found)}) does not match any allowed primitive type "
                f"(allowed: {allowed})"
            )
        case "enum":
            wording = f"instance value not found in enum (possible values: {_names(expected)})"
        case "oneOf" | "anyOf" | "allOf" | "not":
            wording = "instance failed to match the required schemas"
        case _:
            limit = f": {expected}" if isinstance(expected, int | float) else ""
            wording = f"instance does not satisfy {keyword}{limit}"
    path = "/".join(map(str, error.absolute_path))
    return f"{path}: {wording}" if path else wording


def _names(values: list[Any]) -> str:
    return json.dumps(values, separators=(",", ":"))


def _type_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]
