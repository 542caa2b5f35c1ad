"""An answer held against a caller's schema, within a number of steps.

The answer is a provider's and the schema a caller's: together they can make a validator work for hours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from referencing import Registry

from functions.shared.strict_json import refuse_constant

MAX_STEPS = 20_000
"""Subschemas applied to values: some tenths of a second."""
_PARTS = 100
"""Of a step, which lesser work is counted in: one name looked up, one letter of an error's text."""

_PER_SUBSCHEMA = frozenset(
    {"allOf", "anyOf", "oneOf", "dependentSchemas", "properties", "prefixItems"}
)
_PER_ENTRY = frozenset(
    {"items", "contains", "additionalProperties", "propertyNames", "unevaluatedProperties"}
)
_PER_PAIR = frozenset({"unevaluatedItems", "unevaluatedProperties"})
"""Look each entry up in a list of those that something else has evaluated."""

Keyword = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]


class TooManySteps(Exception):
    """The answer cannot be checked within its share of steps."""


@dataclass
class _Work:
    """`listed` are the texts of an `enum`, by its identity."""

    parts_left: int = MAX_STEPS * _PARTS
    listed: dict[int, frozenset[str]] = field(default_factory=dict)

    def spend(self, parts: int) -> None:
        self.parts_left -= parts
        if self.parts_left < 0:
            raise TooManySteps


_work: ContextVar[_Work] = ContextVar("_work")


def _size(value: Any) -> int:
    return len(value) if isinstance(value, list | dict) else 0


def _parts(keyword: str, value: Any, instance: Any) -> int:
    parts = 10
    if keyword not in {"enum", "const"}:
        parts += _size(value)
    if keyword in _PER_SUBSCHEMA:
        parts += _PARTS * _size(value)
    if keyword in _PER_ENTRY:
        parts += (_PARTS if isinstance(value, dict) else 10) * _size(instance)
    if keyword in _PER_PAIR:
        parts += 10 * _size(instance) ** 2
    if keyword in {"not", "if"}:
        parts += _PARTS
    if keyword == "$ref":
        parts += _PARTS * (1 + value.count("/"))
    return parts


def _counted(keyword: str, check: Keyword) -> Keyword:
    def checked(
        validator: Any, value: Any, instance: Any, schema: Any
    ) -> Iterable[ValidationError]:
        _work.get().spend(_parts(keyword, value, instance))
        for error in check(validator, value, instance, schema) or ():
            # Its text repeats the value, however long.
            _work.get().spend(len(error.message))
            yield error

    return checked


def _anything(*_: Any) -> None:
    """A caller's regular expression could run for ever: the provider alone answers for those."""


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Any:
    # Which names are additional is for the patterns to say, where there are any.
    if "patternProperties" in schema:
        return None
    return _KEYWORDS["additionalProperties"](validator, allowed, instance, schema)


def _text_of(value: Any) -> str:
    """The same for equal values alone; jsonschema compares each with each."""
    text = json.dumps(value, sort_keys=True)
    _work.get().spend(len(text))
    return text


def _enum(_: Any, values: Any, instance: Any, __: Any) -> Iterable[ValidationError]:
    listed = _work.get().listed
    if id(values) not in listed:
        listed[id(values)] = frozenset(map(_text_of, values))
    if _text_of(instance) not in listed[id(values)]:
        yield ValidationError("")


def _const(_: Any, value: Any, instance: Any, __: Any) -> Iterable[ValidationError]:
    if _text_of(instance) != _text_of(value):
        yield ValidationError("")


def _unique_items(_: Any, wanted: Any, instance: Any, __: Any) -> Iterable[ValidationError]:
    if wanted and isinstance(instance, list) and len(set(map(_text_of, instance))) < len(instance):
        yield ValidationError("")


def _is_boolean(_: Any, value: Any) -> bool:
    # Also asked of every schema that is searched for what it has evaluated.
    _work.get().spend(_PARTS)
    return isinstance(value, bool)


_KEYWORDS: dict[str, Any] = dict(Draft202012Validator.VALIDATORS)
_OURS = {
    "pattern": _anything,
    "patternProperties": _anything,
    "additionalProperties": _additional_properties,
    "enum": _enum,
    "const": _const,
    "uniqueItems": _unique_items,
}
_Counted: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {name: _counted(name, check) for name, check in (_KEYWORDS | _OURS).items()},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("boolean", _is_boolean),
)
_CountedButNames: Any = validators.extend(  # type: ignore[no-untyped-call]
    _Counted, {"unevaluatedProperties": _anything}
)
"""The same where a schema has patterns of names, which this keyword would look for and run."""


def read_json(text: str) -> Any:
    """A value in which equal numbers are written alike. Raises `ValueError` and `RecursionError`."""
    return json.loads(text, parse_float=_number, parse_constant=refuse_constant)


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def first_breach(value: Any, schema: dict[str, Any]) -> ValidationError | None:
    """Where the value breaks the schema, or None. The value is as `read_json` has it; the schema has
    passed `functions.shared.contracts.schema_budget`.

    Raises `TooManySteps`, and whatever the validator stumbles over: numbers that cannot be divided,
    too deep an answer.
    """
    return Check(schema).first_breach(value)


class Check:
    """All that it is asked of one schema, and of parts of its `schema`, is within the steps of a single
    answer."""

    def __init__(self, schema: dict[str, Any]) -> None:
        text = json.dumps(
            {name: one for name, one in schema.items() if name not in {"$id", "$schema"}}
        )
        self.schema = read_json(text)
        # A registry of our own fetches nothing.
        kind = _CountedButNames if "patternProperties" in text else _Counted
        self._validator = kind(self.schema, registry=Registry())
        self._steps = _Work()

    def first_breach(self, value: Any, part: Any = None) -> ValidationError | None:
        """As the function of this name, of a part of the schema where there is one."""
        validator = self._validator if part is None else self._validator.evolve(schema=part)
        before = _work.set(self._steps)
        try:
            errors: Iterator[ValidationError] = validator.iter_errors(value)
            return next(errors, None)
        finally:
            _work.reset(before)
