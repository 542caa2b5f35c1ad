"""What a caller may ask."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic.config import JsonDict

from functions.shared.contracts.asked import Asked, ModelId
from functions.shared.contracts.field_rules import all_of, exactly_one_of, needs, not_both
from functions.shared.contracts.image_address import public_address
from functions.shared.contracts.inline_image import inline_image, is_inline
from functions.shared.contracts.response_format import ResponseFormat
from functions.shared.contracts.tools import (
    MAX_TOOLS,
    AllowedToolsChoice,
    FunctionDefinition,
    FunctionName,
    NamedToolChoice,
    NonBlank,
    Tool,
    ToolChoice,
)
from functions.shared.vocabulary import Strict
from functions.shared.well_formed import well_formed_json


class FunctionCall(Strict):
    name: FunctionName
    arguments: Annotated[
        str, BeforeValidator(lambda text: well_formed_json(text) if isinstance(text, str) else text)
    ]


class ToolCall(Strict):
    id: NonBlank
    type: Literal["function"] = "function"
    function: FunctionCall


class TextPart(Strict):
    type: Literal["text"]
    text: str


ImageAddress = Annotated[
    str,
    StringConstraints(pattern=r"^(https?://[^\s]+$|[dD][aA][tT][aA]:)"),
    AfterValidator(public_address),
    AfterValidator(inline_image),
]
"""Of an image at an address, or inside the request as a `data:` URL."""


class ImageUrl(Strict):
    url: ImageAddress
    detail: Literal["auto", "low", "high", "original"] | None = None

    @property
    def inline(self) -> tuple[str, str] | None:
        """The media type and the base64 text of a `data:` URL."""
        head, _, data = self.url.partition(";base64,")
        return (head.removeprefix("data:"), data) if is_inline(self.url) else None


class ImagePart(Strict):
    type: Literal["image_url"]
    image_url: ImageUrl


Parts = Annotated[
    list[Annotated[TextPart | ImagePart, Field(discriminator="type")]],
    # Of 50,000 wrong parts the first one in each message is told.
    Field(max_length=100, fail_fast=True),
]

# Told apart by kind, so that an error is of the one that was meant.
Content = Annotated[
    Annotated[str, Tag("Text")] | Annotated[Parts, Tag("Parts")],
    Discriminator(lambda content: "Parts" if isinstance(content, list) else "Text"),
]


_INSTRUCTIONS = frozenset({"system", "developer"})
"""Roles that say how to answer: OpenAI has renamed the one, and takes both."""


_SAID: JsonDict = {"minLength": 1, "minItems": 1, "not": {"type": "null"}}
_NO_IMAGES: JsonDict = {"items": {"properties": {"type": {"const": "text"}}}}
_NONE: JsonDict = {"maxItems": 0}
_BY_ROLE: JsonDict = {
    "anyOf": [
        {
            "properties": {"role": {"const": "user"}, "content": _SAID, "tool_calls": _NONE},
            "required": ["content"],
        },
        {
            "properties": {
                "role": {"enum": ["system", "developer"]},
                "content": {**_SAID, **_NO_IMAGES},
                "tool_calls": _NONE,
            },
            "required": ["content"],
        },
        {"properties": {"role": {"const": "assistant"}, "content": _NO_IMAGES}},
        {
            "properties": {
                "role": {"const": "tool"},
                "content": _NO_IMAGES,
                "tool_calls": _NONE,
                "tool_call_id": {"type": "string", "minLength": 1},
            },
            "required": ["tool_call_id"],
        },
    ]
}
"""What `Message` checks, as JSON Schema says it."""


class Message(Strict):
    model_config = ConfigDict(json_schema_extra=_BY_ROLE)

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content | None = None
    tool_calls: Annotated[list[ToolCall], Field(max_length=MAX_TOOLS, fail_fast=True)] | None = None
    tool_call_id: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.role == "tool" and not self.tool_call_id:
            raise ValueError("a tool message needs tool_call_id")
        if self.tool_calls and self.role != "assistant":
            raise ValueError("only an assistant message carries tool_calls")
        # A tool may return nothing, and an assistant's turn may have been cut off before its first word.
        if not self.content and self.role not in {"assistant", "tool"}:
            raise ValueError("a message needs content")
        if self.images and self.role != "user":
            raise ValueError("only a user message carries images")
        return self

    @property
    def parts(self) -> list[TextPart | ImagePart]:
        """The content as parts, whichever way it came, without blank ones: providers refuse those."""
        if isinstance(self.content, str):
            return [TextPart(type="text", text=self.content)] if self.content.strip() else []
        return [
            part for part in self.content or [] if isinstance(part, ImagePart) or part.text.strip()
        ]

    @property
    def text(self) -> str:
        """What the message says in words."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def images(self) -> list[ImageUrl]:
        if not isinstance(self.content, list):
            return []
        return [part.image_url for part in self.content if isinstance(part, ImagePart)]

    @property
    def instructs(self) -> bool:
        return self.role in _INSTRUCTIONS

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said and nothing done in it. A tool's result is one, also without a word."""
        return self.role != "tool" and not self.parts and not self.tool_calls


MaxOutputTokens = Annotated[int, Field(ge=1, le=200_000)]


class GenerateRequest(Asked):
    """The body of `/generate`, `/jobs` and `/route`: exactly one of `text` and `messages`.

    Something has to be said in `messages`; `max_tokens` is the same as `max_output_tokens` where both are
    there, and `tool_choice` names functions of `tools` alone.
    """

    model_config = ConfigDict(
        json_schema_extra=all_of(
            exactly_one_of("text", "messages"),
            not_both("model", "models"),
            needs("tool_choice", "tools"),
        )
    )

    text: NonBlank | None = None
    messages: Annotated[list[Message], Field(min_length=1, max_length=500)] | None = None
    model: ModelId | None = None
    """A catalogue id, which is asked first."""
    system: Annotated[str, StringConstraints(min_length=1)] | None = None
    """Instructions, before those of `messages`."""
    max_output_tokens: MaxOutputTokens | None = None
    max_tokens: MaxOutputTokens | None = None
    """What `max_output_tokens` is called elsewhere."""
    tools: Annotated[list[Tool], Field(min_length=1, max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoice | None = None
    """In the form of Chat Completions, Responses or Messages."""
    response_format: ResponseFormat | None = None

    @model_validator(mode="after")
    def _has_one_input(self) -> Self:
        if (self.text is None) == (self.messages is None):
            raise ValueError("exactly one of text or messages is needed")
        if self.model is not None and self.models is not None:
            raise ValueError("model and models exclude each other")
        if self.messages is not None and all(message.is_empty for message in self.messages):
            raise ValueError("messages says nothing")
        return self

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        limits = {self.max_output_tokens, self.max_tokens} - {None}
        if len(limits) > 1:
            raise ValueError("max_tokens and max_output_tokens are one limit, and must be the same")
        if self.tool_choice is not None and self.tools is None:
            raise ValueError("tool_choice needs tools")
        if not self.chosen_tools <= {tool.function.name for tool in self.tools or []}:
            raise ValueError("tool_choice names a function that is not among the tools")
        return self

    @property
    def falls_back(self) -> bool:
        """Whether models may be asked that the caller did not name: of a list, only where it says so."""
        return self.models is None if self.fallback is None else self.fallback

    @property
    def conversation(self) -> list[Message]:
        """What was said, in order, without instructions; a lone text is one user message."""
        if self.messages is None:
            return [Message(role="user", content=self.text)]
        return [one for one in self.messages if not one.instructs and not one.is_empty]

    @property
    def instructions(self) -> list[str]:
        """What `system` and the system and developer messages say, in this order."""
        told = [one.text for one in self.messages or [] if one.instructs]
        return [text for text in (self.system or "", *told) if text.strip()]

    @property
    def prompt(self) -> str:
        """The text, or the last thing the user said: what the request is about."""
        if self.text is not None:
            return self.text
        said = [message.text for message in self.messages or [] if message.role == "user"]
        return said[-1] if said else ""

    @property
    def output_limit(self) -> int | None:
        """In tokens, by whichever of its names it came."""
        return self.max_output_tokens or self.max_tokens

    @property
    def chosen_tools(self) -> set[str]:
        """Names of the functions that `tool_choice` speaks of."""
        match self.tool_choice:
            case NamedToolChoice() as named:
                return {named.function.name}
            case AllowedToolsChoice() as allowed:
                return {one.function.name for one in allowed.allowed_tools.tools}
            case _:
                return set()

    @property
    def images(self) -> list[ImageUrl]:
        return [image for message in self.messages or [] for image in message.images]

    @property
    def called_tools(self) -> list[Tool]:
        """The tools that the conversation called already, known by their names alone."""
        calls = [call for message in self.messages or [] for call in message.tool_calls or []]
        names = dict.fromkeys(call.function.name for call in calls)
        return [Tool(function=FunctionDefinition(name=name)) for name in names]
