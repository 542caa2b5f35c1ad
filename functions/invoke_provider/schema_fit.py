"""The schemas of a request, of its tools and of the answer's form, as the model's provider takes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.parameters import Dropped, drop
from functions.invoke_provider.providers.schemas import (
    CLOSED_NO_PARAMETERS,
    MAX_STRICT_TOOLS,
    is_compiled,
    is_strict,
    resolved,
    structured_output_schema,
    with_items,
)
from functions.shared.contracts.request import GenerateRequest
from functions.shared.contracts.tools import REFUSED_AT_ROOT, FunctionDefinition, Tool

_COMPILING = frozenset({"messages", "converse"})
"""Interfaces of Claude, which makes a grammar of a schema; the others are OpenAI's."""

_ARGUMENTS_IN_WORDS = "Its arguments must satisfy this JSON schema, too:"


def with_taken_tools(
    request: GenerateRequest, model: CalledModel, dropped: Dropped
) -> GenerateRequest:
    """Every function's parameters are one object, and those are held to strictly that can be."""
    if not request.tools:
        return request
    functions = [_with_object(tool.function, model, dropped) for tool in request.tools]
    keeps = _is_held_by_claude if model.api in _COMPILING else _is_held_by_openai
    strict = [one for one in functions if one.strict]
    if not model.strict_tools:
        if strict:
            drop(dropped, _STRICT, "the model is not held to a tool's schema")
        strict = []
    kept = [one for one in strict if keeps(one)]
    if model.api in _COMPILING and not _is_compiled_with(kept, request):
        kept = []
    if len(kept) < len(strict):
        drop(dropped, _STRICT, "the model cannot be held to such a schema")
    names = {one.name for one in kept}
    fitted = [_held(one, model) if one.name in names else _lenient(one) for one in functions]
    return request.model_copy(update={"tools": [Tool(function=one) for one in fitted]})


_STRICT = "tools.function.strict"


def with_taken_form(
    request: GenerateRequest, model: CalledModel, dropped: Dropped
) -> tuple[GenerateRequest, bool]:
    """The request, and whether the answer's schema is to be told in words. It is checked all the same."""
    form = request.response_format
    if form is None or form.json_schema is None:
        return request, False
    schema = form.json_schema.schema_
    if not _is_taken(schema, model):
        drop(
            dropped, "response_format.json_schema", "told in words: the model takes no such schema"
        )
        return request, True
    if model.api in _COMPILING or not form.json_schema.strict or is_strict(schema):
        return request, False
    reason = "the model cannot be held to such a schema"
    drop(dropped, "response_format.json_schema.strict", reason)
    lenient = form.json_schema.model_copy(update={"strict": None})
    update = {"response_format": form.model_copy(update={"json_schema": lenient})}
    return request.model_copy(update=update), False


def _is_taken(schema: dict[str, Any], model: CalledModel) -> bool:
    if model.api in _COMPILING:
        return structured_output_schema(schema) is not None
    return schema.get("type") == "object" and not any(name in schema for name in REFUSED_AT_ROOT)


def _is_held_by_openai(function: FunctionDefinition) -> bool:
    return is_strict(function.parameters or {})


def _is_held_by_claude(function: FunctionDefinition) -> bool:
    return structured_output_schema(function.parameters or {}) is not None


def _is_compiled_with(strict: list[FunctionDefinition], request: GenerateRequest) -> bool:
    schemas = [one.parameters or {} for one in strict]
    form = request.response_format
    # One that is told in words is none of Claude's concern.
    if form and form.json_schema and structured_output_schema(form.json_schema.schema_):
        schemas.append(form.json_schema.schema_)
    return len(strict) <= MAX_STRICT_TOOLS and is_compiled(schemas)


def _held(function: FunctionDefinition, model: CalledModel) -> FunctionDefinition:
    if model.api not in _COMPILING:
        return function
    schema = structured_output_schema(function.parameters or {})
    return function.model_copy(update={"parameters": schema})


def _lenient(function: FunctionDefinition) -> FunctionDefinition:
    return function.model_copy(update={"strict": None})


def _with_object(
    function: FunctionDefinition, model: CalledModel, dropped: Dropped
) -> FunctionDefinition:
    """Its parameters with an object at their root: without a union there, with a type and properties."""
    schema = function.parameters
    if not schema:
        none = CLOSED_NO_PARAMETERS if function.strict else None
        return function.model_copy(update={"parameters": none})
    unions = {name: schema[name] for name in REFUSED_AT_ROOT if name in schema}
    fitted = _object_of(schema)
    if model.api == "converse":
        fitted = {key: one for key, one in fitted.items() if key not in _REFUSED_BY_CONVERSE}
    elif model.api not in _COMPILING:
        fitted = with_items(fitted)
    if unions:
        words = f"{_ARGUMENTS_IN_WORDS} {json.dumps(unions, ensure_ascii=False)}"
        described = schema.get("description")
        fitted["description"] = f"{described} {words}" if described else words
        reason = "alternatives at a schema's root are told as one object, and in words"
        drop(dropped, _PARAMETERS, reason)
    elif fitted != schema:
        drop(dropped, _PARAMETERS, "completed to the schema of an object that the model takes")
    return function.model_copy(update={"parameters": fitted})


_PARAMETERS = "tools.function.parameters"

_REFUSED_BY_CONVERSE = frozenset({"$schema", "$id"})
"""At a tool's root, by Nova: github.com/BerriAI/litellm/pull/10062"""


def _object_of(schema: dict[str, Any]) -> dict[str, Any]:
    properties, required = _members(schema, schema, frozenset())
    whole = {key: one for key, one in schema.items() if key not in {*REFUSED_AT_ROOT, "$ref"}}
    whole["type"] = "object"
    whole["properties"] = {name: _one_of(kinds) for name, kinds in properties.items()}
    if required and required != set(schema.get("required") or ()):
        whole["required"] = [name for name in properties if name in required]
    return whole


Members = tuple[dict[str, list[Any]], set[str]]


def _members(schema: Any, root: dict[str, Any], seen: frozenset[str]) -> Members:
    """The properties that an object may have, each with its schemas, and those that it must have."""
    if not isinstance(schema, dict):
        return {}, set()
    own = schema.get("properties")
    properties = {name: [one] for name, one in own.items()} if isinstance(own, dict) else {}
    required = set(schema.get("required") or ())
    reference = schema.get("$ref")
    everyone = [(one, seen) for one in schema.get("allOf") or ()]
    if isinstance(reference, str) and reference not in seen:
        everyone.append((resolved(reference, root), seen | {reference}))
    for one, way in everyone:
        more, needed = _members(one, root, way)
        _add(properties, more)
        required |= needed
    for name in ("anyOf", "oneOf"):
        choices = [_members(one, root, seen) for one in schema.get(name) or ()]
        for more, _ in choices:
            _add(properties, more)
        required |= set.intersection(*(needed for _, needed in choices)) if choices else set()
    return properties, required


def _add(properties: dict[str, list[Any]], more: dict[str, list[Any]]) -> None:
    for name, kinds in more.items():
        known = properties.setdefault(name, [])
        known += [kind for kind in kinds if kind not in known]


def _one_of(kinds: Iterable[Any]) -> Any:
    first, *others = kinds
    return {"anyOf": [first, *others]} if others else first
