"""Tools that take a text instead of JSON, which OpenAI alone has: to every other model they are functions."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Literal

from pydantic import JsonValue

from functions.shared.contracts.tools import FunctionName
from functions.shared.vocabulary import Strict

_ARGUMENT = "input"


class CustomToolDefinition(Strict):
    """`format` is a grammar, which no other model keeps."""

    name: FunctionName
    description: str | None = None
    format: dict[str, JsonValue] | None = None


class CustomTool(Strict):
    """As Chat Completions writes it."""

    type: Literal["custom"]
    custom: CustomToolDefinition


class FlatCustomTool(CustomToolDefinition):
    """As Responses writes it."""

    type: Literal["custom"]


def as_function(tool: CustomToolDefinition) -> dict[str, Any]:
    """A native tool, with the text as its one argument."""
    parameters = {
        "type": "object",
        "properties": {_ARGUMENT: {"type": "string"}},
        "required": [_ARGUMENT],
        "additionalProperties": False,
    }
    grammar = (tool.format or {}).get("definition")
    said = [tool.description, f"The input has this grammar:\n{grammar}" if grammar else None]
    told = {"name": tool.name, "parameters": parameters}
    description = "\n\n".join(filter(None, said))
    function = told | ({"description": description} if description else {})
    return {"type": "function", "function": function}


def call_as_function(call: Any) -> Any:
    """A call in a message of Chat Completions; one of a function stays as it is."""
    match call:
        case {"type": "custom", "custom": {"name": name, "input": str(text)}, **others}:
            function = {"name": name, "arguments": as_arguments(text)}
            return {**others, "type": "function", "function": function}
        case _:
            return call


def as_arguments(text: str) -> str:
    return json.dumps({_ARGUMENT: text}, ensure_ascii=False)


def text_of(name: str, arguments: str, custom: Collection[str]) -> str | None:
    """What a call of a custom tool says, and None for a function's. A model that kept to no schema is told as
    it is."""
    if name not in custom:
        return None
    try:
        told = json.loads(arguments)
        text = told[_ARGUMENT]
    except (ValueError, KeyError, TypeError):
        return arguments
    return text if isinstance(text, str) else json.dumps(text)
