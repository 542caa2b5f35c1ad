"""A body of Responses, and the native request that asks the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, JsonValue, Tag

from functions.openai.chat_request import OPEN
from functions.openai.custom_tools import FlatCustomTool, as_function
from functions.openai.input_items import Items, messages_of, refuse_unknown_items
from functions.openai.leniency import understood
from functions.openai.model_names import ModelName, named_models
from functions.openai.namespaces import without_namespaces
from functions.openai.tool_choices import prepared
from functions.openai.translated import Translated, common_fields, refuse, told
from functions.shared.contracts.asked import Asked, Verbosity
from functions.shared.contracts.request import MaxOutputTokens
from functions.shared.contracts.tools import MAX_TOOLS, FunctionDefinition, NonBlank, ToolChoice
from functions.shared.errors import InvalidRequest
from functions.shared.vocabulary import Effort, Strict

_REFUSED: Mapping[str, str] = {
    "conversation": "no conversation is stored here: send its items as input",
    "prompt": "no prompt is stored here: send its text as instructions or input",
}


class FlatFunctionTool(FunctionDefinition):
    """A function as Responses writes it."""

    type: Literal["function"]


def _type_of(tool: Any) -> Any:
    return tool.get("type") if isinstance(tool, dict) else getattr(tool, "type", None)


AnyTool = Annotated[
    Annotated[FlatFunctionTool, Tag("function")] | Annotated[FlatCustomTool, Tag("custom")],
    Discriminator(_type_of),
]


class TextFormat(Strict):
    """`name` and `schema` belong to the type `json_schema`."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    # `schema` would shadow pydantic's own attribute.
    schema_: dict[str, JsonValue] | None = Field(default=None, alias="schema")
    strict: bool | None = None


class TextOptions(Strict):
    format: TextFormat | None = None
    verbosity: Verbosity | None = None


class Reasoning(Strict):
    effort: Effort | None = None


class ResponseRequest(Asked):
    """The body of `/responses`. What is unknown is ignored, and listed in `x-dropped-parameters`."""

    model_config = OPEN

    model: ModelName
    """A catalogue id, with or without its provider in front, or `auto`, also with a preference: `auto:cheap`."""
    input: Annotated[
        Annotated[NonBlank, Tag("Text")] | Annotated[Items, Tag("Items")],
        Discriminator(lambda told: "Items" if isinstance(told, list) else "Text"),
    ]
    instructions: str | None = None
    max_output_tokens: MaxOutputTokens | None = None
    text: TextOptions | None = None
    reasoning: Reasoning | None = None
    tools: Annotated[list[AnyTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoice | None = None
    truncation: Literal["auto", "disabled"] | None = None
    """Nothing is cut off here: `auto` is ignored."""
    stream: bool | None = None
    background: bool | None = None
    """Whether it is made as a job, to be asked for by `GET /responses/{response_id}`."""
    previous_response_id: str | None = None
    """Of an answer that was made in the background."""
    store: bool | None = None
    """Taken: answers made in the background are kept, all others are not."""


def translated_response(body: Any, earlier: list[dict[str, Any]] | None = None) -> Translated:
    """`earlier` are the native messages that the `input` goes on from. Raises `InvalidRequest`."""
    refuse(body, _REFUSED)
    body, own_names = without_namespaces(body)
    if isinstance(body, dict):
        refuse_unknown_items(body.get("input"))
    asked, ignored = understood(prepared(body), ResponseRequest)
    if asked.stream and asked.background:
        raise InvalidRequest.at("stream", "an answer that is made in the background has no stream")
    if asked.truncation == "auto":
        ignored.append("truncation")
    tools, text = asked.tools or [], asked.text or TextOptions()
    request = common_fields(asked) | named_models(asked.model, asked.models)
    request |= _effort(asked, text)
    request |= _input(asked, earlier or [])
    request |= {
        "system": asked.instructions or None,
        "max_output_tokens": asked.max_output_tokens,
        "tools": [_tool(one) for one in tools] or None,
        "tool_choice": told(asked.tool_choice),
        "response_format": _format(text.format),
    }
    return Translated(
        request={name: value for name, value in request.items() if value is not None},
        model=asked.model,
        ignored=ignored,
        custom_tools=[one.name for one in tools if isinstance(one, FlatCustomTool)],
        own_names=own_names,
        is_streamed=bool(asked.stream),
        tells_usage=True,
        is_background=bool(asked.background),
        previous_response_id=asked.previous_response_id,
    )


def _effort(asked: ResponseRequest, text: TextOptions) -> dict[str, Any]:
    told_effort = asked.reasoning.effort if asked.reasoning else None
    return {
        "reasoning_effort": told_effort or asked.reasoning_effort,
        "verbosity": text.verbosity or asked.verbosity,
    }


def _input(asked: ResponseRequest, earlier: list[dict[str, Any]]) -> dict[str, Any]:
    if isinstance(asked.input, str):
        said = [{"role": "user", "content": asked.input}]
        return {"messages": [*earlier, *said]} if earlier else {"text": asked.input}
    return {"messages": [*earlier, *messages_of(asked.input)]}


def _tool(tool: FlatFunctionTool | FlatCustomTool) -> dict[str, Any]:
    if isinstance(tool, FlatCustomTool):
        return as_function(tool)
    function: dict[str, Any] = told(tool)
    del function["type"]
    return {"type": "function", "function": function}


def _format(wanted: TextFormat | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    parts: dict[str, Any] = told(wanted)
    kind = parts.pop("type")
    return {"type": kind} | ({"json_schema": parts} if kind == "json_schema" else {})
