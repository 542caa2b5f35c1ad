from typing import Any

import pytest
from jsonschema import Draft4Validator
from pydantic import ValidationError

from functions.shared.contracts.request import GenerateRequest
from stacks.api.job_schema import request_schema

USER = {"role": "user", "content": "hello"}
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
CALL = {"id": "1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"const": 1}}}


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


TEXT = {"type": "text", "text": "What is this?"}
IMAGE = image("data:image/png;base64,iVBORw0KGgo=")

ACCEPTED: list[dict[str, Any]] = [
    {"text": "hello"},
    {"text": "hello", "messages": None, "tool_choice": None, "metadata": None},
    {"messages": [USER]},
    {"text": "a", "max_cost_usd": 0.001, "max_latency_ms": 1, "temperature": 2},
    {"text": "a", "tools": [TOOL], "tool_choice": "auto"},
    {"text": "a", "tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "b"}}},
    {"text": "a", "response_format": FORMAT},
    {"text": "a", "metadata": {"team": "search"}},
    {"text": "a", "session_id": "chat:2026-11-25_a.1"},
    {"text": "a", "session_id": "s" * 128},
    {"text": "a", "session_id": None},
    {"messages": [{"role": "user", "content": [TEXT, IMAGE]}]},
    {"messages": [{"role": "system", "content": [TEXT]}, USER]},
    {
        "messages": [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "content": "2", "tool_call_id": "1"},
        ]
    },
]
REFUSED: list[dict[str, Any]] = [
    {},
    {"text": ""},
    {"text": "  "},
    {"text": 1},
    {"text": "a", "messages": [USER]},
    {"text": None, "messages": None},
    {"messages": []},
    {"messages": [{"role": "user"}]},
    {"messages": [{"role": "user", "content": ""}]},
    {"messages": [{"role": "user", "content": []}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}]},
    {"messages": [{"role": "user", "content": [{"type": "smell", "text": "a"}]}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
    {"messages": [{"role": "user", "content": [image("ftp://a.test/b.png")]}]},
    {"messages": [{"role": "user", "content": [image("data:image/bmp;base64,QUJD")]}]},
    {"messages": [{"role": "user", "content": [image("data:image/png;base64,?")]}]},
    {"messages": [USER, {"role": "assistant", "content": [IMAGE]}]},
    {"messages": [{"role": "robot", "content": "a"}]},
    {"messages": [{"role": "user", "content": "a", "tool_calls": [CALL]}]},
    {"messages": [{"role": "tool", "content": "a"}]},
    {"text": "a", "unknown": 1},
    {"text": "a", "task": "dance"},
    {"text": "a", "max_cost_usd": 0},
    {"text": "a", "max_cost_usd": -1},
    {"text": "a", "max_cost_usd": 1001},
    {"text": "a", "max_cost_usd": "1"},
    {"text": "a", "max_latency_ms": 0},
    {"text": "a", "temperature": 2.1},
    {"text": "a", "tool_choice": "auto"},
    {"text": "a", "tools": []},
    {"text": "a", "response_format": {"type": "json_schema"}},
    {"text": "a", "response_format": {**FORMAT, "type": "text"}},
    {"text": "a", "session_id": ""},
    {"text": "a", "session_id": "s" * 129},
    {"text": "a", "session_id": "a b"},
    {"text": "a", "session_id": "a#b"},
    {"text": "a", "session_id": 7},
    {"text": "a", "metadata": {"": "a"}},
    {"text": "a", "metadata": {"k" * 65: "a"}},
    {"text": "a", "metadata": {"a": 1}},
    {"text": "a", "metadata": {str(number): "a" for number in range(17)}},
]


def engine_accepts(body: dict[str, Any]) -> bool:
    try:
        GenerateRequest.model_validate(body)
    except ValidationError:
        return False
    return True


def keywords(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(keywords, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    return set(schema).union(*(keywords(part) for part in schema.values()))


@pytest.mark.parametrize("body", ACCEPTED, ids=str)
def test_the_gateway_accepts_what_the_engine_accepts(body: dict[str, Any]) -> None:
    assert engine_accepts(body)
    Draft4Validator(request_schema()).validate(body)


@pytest.mark.parametrize("body", REFUSED, ids=lambda body: str(body)[:60])
def test_the_gateway_refuses_what_the_engine_refuses(body: dict[str, Any]) -> None:
    assert not engine_accepts(body)
    assert not Draft4Validator(request_schema()).is_valid(body)


def test_the_schema_is_draft_4_without_references() -> None:
    schema = request_schema()
    Draft4Validator.check_schema(schema)
    newer = {"$ref", "$defs", "const", "prefixItems", "propertyNames", "if", "contains"}
    assert not keywords(schema) & newer


def test_the_models_of_the_schemas_rules_still_exist() -> None:
    from stacks.api.job_schema import _RULES

    names = {*GenerateRequest.model_json_schema()["$defs"], "GenerateRequest"}
    assert set(_RULES) <= names
