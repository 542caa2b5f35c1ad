"""Tools, and which of them a model is to call, in the forms of Chat Completions, Responses and Messages."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    JsonValue,
    StringConstraints,
    Tag,
)
from pydantic.config import JsonDict

from functions.shared.vocabulary import Strict

MAX_TOOLS = 128
"""In a request, and of calls of them in one message."""

NonBlank = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]


FunctionName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


REFUSED_AT_ROOT = ("anyOf", "oneOf", "allOf", "enum", "const", "not")
"""Of a schema whose root is an object: OpenAI refuses all of them, Claude the first three."""


_AN_OBJECTS_SCHEMA: JsonDict = {
    "properties": {
        "type": {"anyOf": [{"const": "object"}, {"type": "array", "contains": {"const": "object"}}]}
    }
}


def _of_an_object(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    kind = schema.get("type", "object")
    if kind != "object" and not (isinstance(kind, list) and "object" in kind):
        raise ValueError("must be the schema of an object")
    return schema


class FunctionDefinition(Strict):
    name: FunctionName
    description: str | None = None
    parameters: (
        Annotated[
            dict[str, JsonValue],
            AfterValidator(_of_an_object),
            Field(json_schema_extra=_AN_OBJECTS_SCHEMA),
        ]
        | None
    ) = None
    """A JSON Schema, of an object."""
    strict: bool | None = None


class Tool(Strict):
    type: Literal["function"] = "function"
    function: FunctionDefinition


class NamedFunction(Strict):
    name: NonBlank


class NamedToolChoice(Strict):
    type: Literal["function"]
    function: NamedFunction


class AllowedTools(Strict):
    mode: Literal["auto", "required"] = "auto"
    tools: Annotated[list[NamedToolChoice], Field(min_length=1, max_length=MAX_TOOLS)]


class AllowedToolsChoice(Strict):
    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


_WORDS = {"any": "required"}
"""Anthropic's, in OpenAI's."""


def chat_form(choice: Any) -> Any:
    """A choice as Chat Completions writes it, from the form of Responses or of Messages, too. What is neither
    stays as it is."""
    if isinstance(choice, str):
        return _WORDS.get(choice, choice)
    match choice:
        case {"type": "auto" | "none" | "required" | "any" as word, **others} if not others:
            return _WORDS.get(word, word)
        case {"type": "function" | "tool", "name": name, **others} if not others:
            return {"type": "function", "function": {"name": name}}
        case {"type": "allowed_tools", "allowed_tools": {"tools": list(tools), **how}, **others}:
            listed = {"tools": [chat_form(tool) for tool in tools]}
            return {"type": "allowed_tools", "allowed_tools": how | listed, **others}
        case {"type": "allowed_tools", "tools": list(), **allowed}:
            told = {"tools": choice["tools"], **allowed}
            return chat_form({"type": "allowed_tools", "allowed_tools": told})
        case _:
            return choice


def _choice_tag(choice: Any) -> str:
    """The type, so that a problem is told at its place."""
    if isinstance(choice, str):
        return "Word"
    kind = choice.get("type") if isinstance(choice, dict) else getattr(choice, "type", None)
    return "allowed_tools" if kind == "allowed_tools" else "function"


class WordChoice(Strict):
    type: Literal["auto", "none", "required", "any"]


class FlatToolChoice(Strict):
    """A function as Responses names it, or Messages."""

    type: Literal["function", "tool"]
    name: NonBlank


class TakenAllowedTools(Strict):
    """`AllowedTools` in any form."""

    mode: Literal["auto", "required"] = "auto"
    tools: Annotated[
        list[NamedToolChoice | FlatToolChoice], Field(min_length=1, max_length=MAX_TOOLS)
    ]


class TakenAllowedToolsChoice(Strict):
    type: Literal["allowed_tools"]
    allowed_tools: TakenAllowedTools


class FlatAllowedToolsChoice(TakenAllowedTools):
    type: Literal["allowed_tools"]


_Taken = (
    Literal["auto", "none", "required", "any"]
    | WordChoice
    | NamedToolChoice
    | FlatToolChoice
    | TakenAllowedToolsChoice
    | FlatAllowedToolsChoice
)
"""What `chat_form` takes, for the document alone."""

ToolChoice = Annotated[
    Annotated[Literal["auto", "none", "required"], Tag("Word")]
    | Annotated[NamedToolChoice, Tag("function")]
    | Annotated[AllowedToolsChoice, Tag("allowed_tools")],
    Discriminator(_choice_tag),
    BeforeValidator(chat_form, json_schema_input_type=_Taken),
]
