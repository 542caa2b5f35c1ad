"""Whether a body is one of OpenAI's API, by OpenAI's own description of it (`openai_trimming` says which)."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.protocols import Validator

_FILE = Path(__file__).with_name("openai_description.json.gz")
_AT = "#/components/schemas/"
_LONGEST = 300


def problems(body: Any, schema: str) -> list[str]:
    """What is wrong with it, each with its place."""
    errors = sorted(_validator(schema).iter_errors(body), key=lambda one: one.json_path)
    nearest = [jsonschema.exceptions.best_match([one]) or one for one in errors]
    return [f"{one.json_path} {one.message[:_LONGEST]}" for one in nearest]


@cache
def _validator(schema: str) -> Validator:
    schemas = {name: _as_of_2020(told, name) for name, told in _described().items()}
    # Null as long as there is none: so say the 44 examples beside the schema, which does not.
    [own] = [one["properties"] for one in schemas["Response"]["allOf"] if "usage" in str(one)]
    own["usage"] = {"anyOf": [own["usage"], {"type": "null"}]}
    root = {"$ref": _AT + schema, "components": {"schemas": schemas}}
    return jsonschema.Draft202012Validator(root)


@cache
def _described() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(gzip.decompress(_FILE.read_bytes()))
    return told


def _as_of_2020(schema: Any, name: str) -> Any:
    """`nullable` is OpenAPI 3.0's, `$recursiveRef` JSON Schema's of 2019, and a discriminator OpenAPI's own."""
    if isinstance(schema, list):
        return [_as_of_2020(one, name) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: _as_of_2020(one, name) for key, one in schema.items()}
    if isinstance(told.get("oneOf"), list):
        # Objects are open here, so that a body may well be right by two of the forms.
        told["anyOf"] = told.pop("oneOf")
    by = told.pop("discriminator", None) if "anyOf" in told else None
    if by is not None:
        told |= _told_apart(told.pop("anyOf"), by["propertyName"])
    if told.pop("$recursiveRef", None):
        told["$ref"] = _AT + name
    told.pop("$recursiveAnchor", None)
    is_nullable = told.pop("nullable", False) is True
    return {"anyOf": [told, {"type": "null"}]} if is_nullable else told


def _told_apart(forms: list[Any], name: str) -> dict[str, Any]:
    """A body has to have the form that its property `name` says; of several of one word, any of them. Where a
    form does not tell its word, all are tried."""
    by_word: dict[str, list[Any]] = {}
    for form in forms:
        words = _words_of(form, name)
        if not words:
            return {"anyOf": forms}
        for word in words:
            by_word.setdefault(word, []).append(form)
    cases = [
        {
            "if": {"properties": {name: {"const": word}}, "required": [name]},
            "then": some[0] if len(some) == 1 else {"anyOf": some},
        }
        for word, some in by_word.items()
    ]
    known = {"type": "object", "required": [name], "properties": {name: {"enum": list(by_word)}}}
    return {"allOf": [known, *cases]}


def _words_of(form: Any, name: str) -> list[str]:
    while reference := form.get("$ref"):
        form = _described()[reference.removeprefix(_AT)]
    parts = [one for kind in ("allOf", "anyOf", "oneOf") for one in form.get(kind, ())]
    words = [word for one in parts for word in _words_of(one, name)]
    told = form.get("properties", {}).get(name, {})
    return [*told.get("enum", ()), *words]
