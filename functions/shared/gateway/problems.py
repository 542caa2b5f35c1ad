"""What is wrong with a caller's JSON, field by field, in words of our own.

A problem never repeats a value: it may be the prompt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from functions.shared.errors import problem_at
from functions.shared.gateway.field_names import (
    MAX_NAME_CHARACTERS,
    Location,
    Place,
    field_at,
    nearest,
    place_in,
)

MOST_PROBLEMS = 20
_NAME = re.compile(r"[A-Za-z_$][\w$-]*", re.ASCII)

_WORDS = {
    "missing": "is missing",
    "string_type": "must be a text",
    "string_unicode": "must be valid Unicode",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be over {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "union_tag_invalid": "its {discriminator} must be one of {expected_tags}",
    "union_tag_not_found": "its {discriminator} is missing",
    "datetime_type": "must be an ISO 8601 time",
    "datetime_parsing": "must be an ISO 8601 time",
    "datetime_from_date_parsing": "must be an ISO 8601 time",
    "timezone_aware": "must have its offset from UTC",
    "recursion_loop": "is nested too deeply",
    "json_invalid": "must be JSON",
    # Raised by ourselves.
    "value_error": "{error}",
}
"""By pydantic's types of errors; what is in braces is from our models, never from the caller."""
_NOT_BLANK = r"\S"


def problems_of(error: ValidationError, kind: type[BaseModel]) -> list[dict[str, str]]:
    """`[{field, problem}]`, for the `details` of an error; `kind` is what was expected."""
    errors = error.errors(include_url=False, include_input=False)[:MOST_PROBLEMS]
    problems = [_problem(one["type"], one["loc"], one.get("ctx", {}), kind) for one in errors]
    return list({tuple(problem.items()): problem for problem in problems}.values())


def _problem(
    error_type: str, location: Location, context: Mapping[str, Any], kind: type[BaseModel]
) -> dict[str, str]:
    if error_type == "extra_forbidden":
        return unknown_name(str(location[-1]), place_in(kind, location[:-1]))
    field = field_at(place_in(kind, location).way)
    if context.get("pattern") == _NOT_BLANK:
        return problem_at(field, "must not be blank")
    if context.get("min_length") == 1:
        return problem_at(field, "must not be empty")
    return problem_at(field, _WORDS.get(error_type, "is not valid").format_map(context))


def unknown_name(name: str, place: Place) -> dict[str, str]:
    """What a caller calls a field that is none."""
    meant = nearest(name, place.names)
    hint = f'; did you mean "{meant}"?' if meant else ""
    object_at = field_at(place.way) if place.way else ""
    if not _NAME.fullmatch(name):
        return problem_at(object_at or place.whole, f"has an unknown field{hint}")
    field = f"{object_at}.{name[:MAX_NAME_CHARACTERS]}".removeprefix(".")
    return problem_at(field, f"unknown{hint}")
