"""What a caller's JSON schema may cost: it is read before any money is spent on it.

A few hundred bytes of references can stand for millions of subschemas, each of which would be
applied to an answer. They are counted here as they would be applied, in time linear in the schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import (
    AfterValidator,
    AllowInfNan,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from typing_extensions import TypedDict

from functions.shared.contracts.request import GenerateRequest
from functions.shared.contracts.state_size import json_bytes

MAX_SCHEMA_BYTES = 100_000
MAX_SCHEMA_DEPTH = 200
"""Levels of subschemas on the longest way through them, references followed."""
MAX_SUBSCHEMAS = 2_000
"""Of one schema, each counted as often as it would be applied."""
MAX_SUBSCHEMAS_OF_REQUEST = 10_000
"""OpenAI takes 5,000 properties in a schema and 128 tools in a request."""

Place = tuple[str | int, ...]

_IN_PLACE = frozenset({"not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas"})
"""Applied to the very value that the schema itself is applied to."""
_INWARD = frozenset(
    (
        "items", "prefixItems", "contains", "properties", "patternProperties", "propertyNames",
        "additionalProperties", "unevaluatedItems", "unevaluatedProperties",
    )
)  # fmt: skip
_KEPT = frozenset({"$defs", "definitions"})
_NAMED = frozenset({"dependentSchemas", "properties", "patternProperties"}) | _KEPT
_NOWHERE = frozenset(
    (
        "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef",
        "$vocabulary",
    )
)  # fmt: skip
_AT_THE_TOP = frozenset({"$id", "$schema"})
"""Further inside, they would change what references mean, and the rules the schema is read by."""
_INSIDE = _NOWHERE | _AT_THE_TOP
_OF_OLDER_DRAFTS = frozenset({"items", "exclusiveMaximum", "exclusiveMinimum"})
"""Had other forms before 2019, in which many tools are still described; a provider judges those."""


class SchemaRefused(Exception):
    """`place` is the way to the part of the schema that is to blame."""

    def __init__(self, problem: str, place: Place = ()) -> None:
        super().__init__(problem)
        self.problem = problem
        self.place = place


def refuse_costly_schemas(request: GenerateRequest) -> None:
    """Raises `SchemaRefused` for the first schema of the request that is none, or is too much."""
    total = 0
    for place, schema in _schemas_of(request):
        try:
            total += subschemas_of(schema, is_ours="response_format" in place)
        except SchemaRefused as refused:
            raise SchemaRefused(refused.problem, place + refused.place) from None
        if total > MAX_SUBSCHEMAS_OF_REQUEST:
            problem = f"over {MAX_SUBSCHEMAS_OF_REQUEST:,} subschemas in all schemas together"
            raise SchemaRefused(problem, place)


def _schemas_of(request: GenerateRequest) -> Iterator[tuple[Place, dict[str, Any]]]:
    if request.response_format and (form := request.response_format.json_schema):
        yield ("response_format", "json_schema", "schema"), form.schema_
    for number, tool in enumerate(request.tools or []):
        yield ("tools", number, "function", "parameters"), tool.function.parameters or {}


def subschemas_of(schema: dict[str, Any], *, is_ours: bool = True) -> int:
    """How many there are, each as often as it would be applied. Raises `SchemaRefused`.

    One that `is_ours` is what we hold an answer to.
    """
    if json_bytes(schema) > MAX_SCHEMA_BYTES:
        raise SchemaRefused(f"over {MAX_SCHEMA_BYTES:,} bytes of schema")
    reader = _Reader(schema, frozenset() if is_ours else _OF_OLDER_DRAFTS)
    count = reader.count(schema, (), 0)
    try:
        TopologicalSorter(reader.in_place).prepare()
    except CycleError:
        # Its meaning would be "as I say".
        raise SchemaRefused("refers to itself without going into the value") from None
    return max(count, len(reader.counts))


@dataclass
class _Reader:
    """`counts` and `in_place` go by a schema's identity: a reference leads to the very same one."""

    root: dict[str, Any]
    unjudged: frozenset[str]
    counts: dict[int, int] = field(default_factory=dict)
    in_place: dict[int, list[int]] = field(default_factory=dict)

    def count(self, schema: Any, place: Place, depth: int) -> int:
        """A recursive schema is counted once round: the steps of its use are counted then."""
        if isinstance(schema, bool):
            return 1
        if id(schema) in self.counts:
            return self.counts[id(schema)]
        self._refuse_unfit(schema, place, depth)
        self.counts[id(schema)] = total = 1
        for inner, at in self._applied(schema, place):
            total += self.count(inner, at, depth + 1)
            if total > MAX_SUBSCHEMAS:
                raise SchemaRefused(f"over {MAX_SUBSCHEMAS:,} subschemas, references followed", at)
        self.counts[id(schema)] = total
        for inner, at in _below(schema, _KEPT, place):
            self.count(inner, at, depth + 1)
        return total

    def _refuse_unfit(self, schema: Any, place: Place, depth: int) -> None:
        if not isinstance(schema, dict):
            raise SchemaRefused("is no JSON schema", place)
        if depth > MAX_SCHEMA_DEPTH:
            raise SchemaRefused(f"over {MAX_SCHEMA_DEPTH} levels, references followed", place)
        if len(self.counts) >= MAX_SUBSCHEMAS:
            raise SchemaRefused(f"over {MAX_SUBSCHEMAS:,} subschemas", place)
        refused = _NOWHERE if schema is self.root else _INSIDE
        if not refused.isdisjoint(schema):
            keyword = next(name for name in schema if name in refused)
            raise SchemaRefused("not supported here", (*place, keyword))
        try:
            judged = {name: one for name, one in schema.items() if name not in self.unjudged}
            _keywords().validate_python(judged)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise SchemaRefused("is no JSON schema", (*place, *first["loc"][:1])) from None

    def _applied(self, schema: dict[str, Any], place: Place) -> list[tuple[Any, Place]]:
        same_value = _below(schema, _IN_PLACE, place)
        if (pointer := schema.get("$ref")) is not None:
            same_value.append(self._target(pointer, (*place, "$ref")))
        if same_value:
            self.in_place[id(schema)] = [id(inner) for inner, _ in same_value]
        return same_value + _below(schema, _INWARD, place)

    def _target(self, pointer: str, place: Place) -> tuple[Any, Place]:
        if pointer != "#" and not pointer.startswith("#/"):
            raise SchemaRefused("only references inside the schema, #/…, are followed", place)
        try:
            found, way = pointed_at(self.root, pointer)
        except (LookupError, ValueError):
            found, way = None, ()
        if not isinstance(found, dict | bool):
            raise SchemaRefused("refers to no schema", place)
        return found, way


def pointed_at(root: Any, pointer: str) -> tuple[Any, tuple[str, ...]]:
    """What `#` or `#/…` leads to, and the way there (RFC 6901). Raises `LookupError` and `ValueError` where
    that is nothing."""
    names = unquote(pointer[2:]).split("/") if pointer != "#" else []
    found = root
    for name in names:
        found = _child(found, name)
    return found, tuple(names)


def _child(value: Any, name: str) -> Any:
    if isinstance(value, list) and name.isascii() and name.isdigit():
        return value[int(name)]
    if isinstance(value, dict):
        return value[name.replace("~1", "/").replace("~0", "~")]
    raise LookupError


def _below(
    schema: dict[str, Any], keywords: frozenset[str], place: Place
) -> list[tuple[Any, Place]]:
    """The subschemas under these keywords, each with the way to it."""
    found: list[tuple[Any, Place]] = []
    if keywords.isdisjoint(schema):
        return found
    for keyword, value in schema.items():
        if keyword not in keywords:
            continue
        if isinstance(value, list):
            found += [(inner, (*place, keyword, at)) for at, inner in enumerate(value)]
        elif keyword in _NAMED:
            found += [(inner, (*place, keyword, name)) for name, inner in value.items()]
        else:
            found.append((value, (*place, keyword)))
    return found


def _whole(value: int | float) -> int | float:
    if value != int(value):
        raise ValueError("not whole")
    return value


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError("not distinct")
    return values


_Number = StrictInt | Annotated[StrictFloat, AllowInfNan(False)]
_Size = Annotated[_Number, Field(ge=0), AfterValidator(_whole)]
_Schema = StrictBool | dict[str, Any]
_Schemas = Annotated[list[_Schema], Field(min_length=1, fail_fast=True)]
_NamedSchemas = dict[str, _Schema]
_Names = Annotated[list[StrictStr], Field(fail_fast=True), AfterValidator(_distinct)]
_Type = Literal["array", "boolean", "integer", "null", "number", "object", "string"]
_Types = (
    _Type | Annotated[list[_Type], Field(min_length=1, fail_fast=True), AfterValidator(_distinct)]
)


_Keywords = TypedDict(
    "_Keywords",
    {
        "$id": Annotated[StrictStr, StringConstraints(pattern="^[^#]*#?$")],
        "type": _Types,
        "required": _Names,
        "dependentRequired": dict[str, _Names],
        "dependencies": dict[str, _Schema | _Names],
        "multipleOf": Annotated[_Number, Field(gt=0)],
        "$schema": StrictStr,
        "$ref": StrictStr,
        "$comment": StrictStr,
        "pattern": StrictStr,
        "title": StrictStr,
        "description": StrictStr,
        "format": StrictStr,
        "contentEncoding": StrictStr,
        "contentMediaType": StrictStr,
        "uniqueItems": StrictBool,
        "deprecated": StrictBool,
        "readOnly": StrictBool,
        "writeOnly": StrictBool,
        "enum": list[Any],
        "examples": list[Any],
        "maximum": _Number,
        "exclusiveMaximum": _Number,
        "minimum": _Number,
        "exclusiveMinimum": _Number,
        "maxLength": _Size,
        "minLength": _Size,
        "maxItems": _Size,
        "minItems": _Size,
        "maxContains": _Size,
        "minContains": _Size,
        "maxProperties": _Size,
        "minProperties": _Size,
        "items": _Schema,
        "contains": _Schema,
        "additionalProperties": _Schema,
        "propertyNames": _Schema,
        "if": _Schema,
        "then": _Schema,
        "else": _Schema,
        "not": _Schema,
        "unevaluatedItems": _Schema,
        "unevaluatedProperties": _Schema,
        "contentSchema": _Schema,
        "prefixItems": _Schemas,
        "allOf": _Schemas,
        "anyOf": _Schemas,
        "oneOf": _Schemas,
        "$defs": _NamedSchemas,
        "definitions": _NamedSchemas,
        "properties": _NamedSchemas,
        "patternProperties": _NamedSchemas,
        "dependentSchemas": _NamedSchemas,
    },
    total=False,
)


@lru_cache
def _keywords() -> TypeAdapter[_Keywords]:
    """One schema by the rules of https://json-schema.org/draft/2020-12/schema, without those below it.

    jsonschema's own check takes a quarter of a millisecond a subschema, a hundred times as long. Made
    when the first schema comes: most requests have none.
    """
    return TypeAdapter(_Keywords)
