"""Whether an answer is the JSON that the caller asked for."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, validators
from referencing import Registry
from referencing.exceptions import Unresolvable

from functions.shared.contracts.request import ResponseFormat
from functions.shared.errors import InvalidRequest, ProviderBadResponse


def _anything(*_: Any) -> None:
    return None


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Any:
    # Which names are additional is for the patterns to say, where there are any.
    if "patternProperties" in schema:
        return None
    return _ADDITIONAL_PROPERTIES(validator, allowed, instance, schema)


_ADDITIONAL_PROPERTIES: Any = Draft202012Validator.VALIDATORS["additionalProperties"]
_Checked: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "pattern": _anything,
        "patternProperties": _anything,
        "additionalProperties": _additional_properties,
    },
)
"""A caller's regular expression could run for ever: the provider alone answers for those."""

_CheckedButNames: Any = validators.extend(  # type: ignore[no-untyped-call]
    _Checked, {"unevaluatedProperties": _anything}
)
"""The same where a schema has patterns of names, which this keyword would look for and run."""


def check_form(text: str, form: ResponseFormat | None) -> None:
    """Raises `ProviderBadResponse` for any other answer, `InvalidRequest` for a schema that is none."""
    if form is None or form.type == "text":
        return
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ProviderBadResponse("The answer is not the JSON that was asked for.") from None
    if form.json_schema is None:
        if not isinstance(value, dict):
            raise ProviderBadResponse("The answer is no JSON object.")
        return
    _check_schema(value, form.json_schema.schema_)


def _check_schema(value: Any, schema: dict[str, Any]) -> None:
    try:
        # Without formats: whether a pattern is one is for the provider's kind of expressions.
        _Checked.check_schema(schema, format_checker=None)
        # A registry of our own fetches nothing.
        kind = _CheckedButNames if "patternProperties" in json.dumps(schema) else _Checked
        error = next(kind(schema, registry=Registry()).iter_errors(value), None)
    except (SchemaError, Unresolvable, RecursionError):
        raise InvalidRequest.at("response_format.json_schema.schema", "is no JSON schema") from None
    if error is not None:
        where = "/".join(map(str, error.absolute_path))[:100] or "the top"
        raise ProviderBadResponse(f"The answer breaks the schema's {error.validator} at {where}.")
