"""A body of Chat Completions, and the native request that asks the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from functions.openai.custom_tools import CustomTool, as_function
from functions.openai.leniency import understood
from functions.openai.model_names import ModelName, named_models
from functions.openai.tool_choices import prepared
from functions.openai.translated import Translated, common_fields, refuse, told
from functions.shared.contracts.asked import Asked
from functions.shared.contracts.request import MaxOutputTokens, Message
from functions.shared.contracts.response_format import ResponseFormat
from functions.shared.contracts.tools import MAX_TOOLS, Tool, ToolChoice
from functions.shared.vocabulary import Strict

OPEN = ConfigDict(json_schema_extra={"additionalProperties": True})
"""Of a body whose unknown fields are ignored."""

_REFUSED: Mapping[str, str] = {
    "audio": "audio is not made here",
    "functions": "is the form of old: send tools",
    "function_call": "is the form of old: send tool_choice",
    "web_search_options": "searches are not run here: only function and custom tools",
}


class StreamOptions(Strict):
    include_usage: bool | None = None
    """Whether a last chunk tells the usage."""
    include_obfuscation: bool | None = None
    """Nothing is obscured."""


def _type_of(one: Any) -> str:
    kind = one.get("type", "function") if isinstance(one, dict) else getattr(one, "type", None)
    return kind if isinstance(kind, str) else "function"


AnyTool = Annotated[
    Annotated[Tool, Tag("function")] | Annotated[CustomTool, Tag("custom")],
    Discriminator(_type_of),
]


class ChatCompletionRequest(Asked):
    """The body of `/chat/completions`. What is unknown is ignored, and listed in `x-dropped-parameters`."""

    model_config = OPEN

    model: ModelName
    """A catalogue id, with or without its provider in front, or `auto`, also with a preference: `auto:cheap`."""
    messages: Annotated[list[Message], Field(min_length=1, max_length=500)]
    max_completion_tokens: MaxOutputTokens | None = None
    max_tokens: MaxOutputTokens | None = None
    """What `max_completion_tokens` was called."""
    tools: Annotated[list[AnyTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoice | None = None
    response_format: ResponseFormat | None = None
    modalities: list[Literal["text"]] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    """Taken, and nothing is stored for it."""

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        limits = {self.max_completion_tokens, self.max_tokens} - {None}
        if len(limits) > 1:
            raise ValueError("max_tokens and max_completion_tokens are one limit")
        return self


def translated_chat(body: Any) -> Translated:
    """Raises `InvalidRequest`."""
    refuse(body, _REFUSED)
    asked, ignored = understood(prepared(body), ChatCompletionRequest)
    tools = asked.tools or []
    request = common_fields(asked) | named_models(asked.model, asked.models)
    request |= {
        "messages": [told(one) for one in asked.messages],
        "max_output_tokens": asked.max_completion_tokens or asked.max_tokens,
        "tools": [_tool(one) for one in tools] or None,
        "tool_choice": told(asked.tool_choice),
        "response_format": told(asked.response_format),
    }
    options = asked.stream_options
    return Translated(
        request={name: value for name, value in request.items() if value is not None},
        model=asked.model,
        ignored=ignored,
        custom_tools=[one.custom.name for one in tools if isinstance(one, CustomTool)],
        is_streamed=bool(asked.stream),
        tells_usage=bool(options and options.include_usage),
    )


def _tool(tool: Tool | CustomTool) -> Any:
    return as_function(tool.custom) if isinstance(tool, CustomTool) else told(tool)
