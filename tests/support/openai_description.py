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


def problems(body: Any, schema: str) -> list[str]:
    """What is wrong with it, each with its place."""
    errors = sorted(_validator(schema).iter_errors(body), key=lambda one: one.json_path)
    return [f"{one.json_path} {one.message}"[:500] for each in errors for one in _deepest(each)]


def _deepest(error: jsonschema.ValidationError) -> list[jsonschema.ValidationError]:
    """Of a choice of many forms, what is wrong with the nearest one."""
    best = jsonschema.exceptions.best_match([error])
    return [best] if best else []


@cache
def _validator(schema: str) -> Validator:
    schemas = {name: _as_of_2020(told, name) for name, told in _described().items()}
    root = {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": schemas}}
    return jsonschema.Draft202012Validator(root)


@cache
def _described() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(gzip.decompress(_FILE.read_bytes()))
    return told


def _as_of_2020(schema: Any, name: str) -> Any:
    """`nullable` is OpenAPI 3.0's, `$recursiveRef` JSON Schema's of 2019. The forms of a `oneOf` are told apart
    by a discriminator, and objects are open, so that a body may be right by two of them."""
    if isinstance(schema, list):
        return [_as_of_2020(one, name) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: _as_of_2020(one, name) for key, one in schema.items()}
    if isinstance(told.get("oneOf"), list):
        told["anyOf"] = told.pop("oneOf")
    if told.pop("$recursiveRef", None):
        told["$ref"] = f"#/components/schemas/{name}"
    told.pop("$recursiveAnchor", None)
    is_nullable = told.pop("nullable", False) is True
    return {"anyOf": [told, {"type": "null"}]} if is_nullable else told
