"""Whether an answer is the JSON that the caller asked for."""

from __future__ import annotations

import re
from typing import Any

from jsonschema.exceptions import UndefinedTypeCheck, UnknownType
from referencing.exceptions import Unresolvable

from functions.invoke_provider.schema_steps import TooManySteps, first_breach, read_json
from functions.shared.contracts.response_format import ResponseFormat
from functions.shared.errors import AnswerUnfit
from functions.shared.well_formed import well_formed_json

_FENCE = "```"
_LANGUAGE = re.compile(r"^\w*")

NOT_CHECKED = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TooManySteps, TypeError,
    UndefinedTypeCheck, UnknownType, Unresolvable, ValueError,
)  # fmt: skip


def unwrapped(text: str, form: ResponseFormat | None) -> str:
    """JSON without the one Markdown fence, and the prose, that a model may put around it. A text that
    is JSON as a whole, and one that holds none, stays as it is."""
    if form is None or form.type == "text":
        return text
    whole = well_formed_json(text)
    start, end = whole.find(_FENCE), whole.rfind(_FENCE)
    if start < 0 or _is_json(whole):
        return whole
    # A fence that nobody closes ends with the text.
    fenced = whole[start + len(_FENCE) : end if end > start else None]
    inside = _LANGUAGE.sub("", fenced).strip()
    return inside if _is_json(inside) else whole


def _is_json(text: str) -> bool:
    try:
        read_json(text)
    except (ValueError, RecursionError):
        return False
    return True


def check_form(text: str, form: ResponseFormat | None) -> None:
    """Raises `AnswerUnfit` for any other answer, and for one that takes too long to check."""
    if form is None or form.type == "text":
        return
    try:
        value = read_json(text)
    except (ValueError, RecursionError):
        raise AnswerUnfit("The answer is not the JSON that was asked for.") from None
    if form.json_schema is None:
        if not isinstance(value, dict):
            raise AnswerUnfit("The answer is no JSON object.")
        return
    _check_schema(value, form.json_schema.schema_)


def _check_schema(value: Any, schema: dict[str, Any]) -> None:
    try:
        error = first_breach(value, schema)
    except NOT_CHECKED:
        # Both texts are others': whatever a check of them fails on, the answer has not passed it.
        raise AnswerUnfit("The answer cannot be checked by the schema.") from None
    if error is not None:
        where = "/".join(map(str, error.absolute_path))[:100] or "the top"
        raise AnswerUnfit(f"The answer breaks the schema's {error.validator} at {where}.")
