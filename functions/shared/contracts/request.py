"""What a caller may ask."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    JsonValue,
    StringConstraints,
    Tag,
    model_validator,
)

from functions.shared.attempt_limits import MAX_NAMED
from functions.shared.contracts.image_address import public_address
from functions.shared.vocabulary import (
    Preference,
    Strict,
    Task,
    Usd,
)
from functions.shared.well_formed import well_formed_json

MAX_TOOLS = 128
"""In a request, and of calls of them in one message."""

NonBlank = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]

FunctionName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]

SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]


ModelId = Annotated[str, StringConstraints(min_length=1, max_length=100)]


def _distinct(ids: list[str]) -> list[str]:
    if len(set(ids)) < len(ids):
        raise ValueError("names a model twice")
    return ids


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
    text: NonBlank


class ImageUrl(Strict):
    """An image at an address, or inside the request as a `data:` URL."""

    url: Annotated[
        str,
        StringConstraints(
            pattern=r"^(https?://[^\s]+|data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2})$"
        ),
        AfterValidator(public_address),
    ]
    detail: Literal["auto", "low", "high"] | None = None

    @property
    def inline(self) -> tuple[str, str] | None:
        """The media type and the base64 text of a `data:` URL."""
        head, _, data = self.url.partition(";base64,")
        return (head.removeprefix("data:"), data) if head.startswith("data:") else None


class ImagePart(Strict):
    type: Literal["image_url"]
    image_url: ImageUrl


Parts = Annotated[
    list[Annotated[TextPart | ImagePart, Field(discriminator="type")]],
    # Of 50,000 wrong parts the first one in each message is told.
    Field(min_length=1, max_length=100, fail_fast=True),
]

# Told apart by kind, so that an error is of the one that was meant.
Content = Annotated[
    Annotated[str, Tag("Text")] | Annotated[Parts, Tag("Parts")],
    Discriminator(lambda content: "Parts" if isinstance(content, list) else "Text"),
]


class Message(Strict):
    role: Literal["system", "user", "assistant", "tool"]
    content: Content | None = None
    tool_calls: Annotated[list[ToolCall], Field(max_length=MAX_TOOLS, fail_fast=True)] | None = None
    tool_call_id: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.role == "tool" and not self.tool_call_id:
            raise ValueError("a tool message needs tool_call_id")
        if self.tool_calls and self.role != "assistant":
            raise ValueError("only an assistant message carries tool_calls")
        if not self.content and not self.tool_calls:
            raise ValueError("a message needs content")
        if self.images and self.role != "user":
            raise ValueError("only a user message carries images")
        return self

    @property
    def parts(self) -> list[TextPart | ImagePart]:
        """The content as parts, whichever way it came."""
        if isinstance(self.content, str):
            return [TextPart(type="text", text=self.content)] if self.content.strip() else []
        return self.content or []

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


class FunctionDefinition(Strict):
    name: FunctionName
    description: str | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    strict: bool | None = None


class Tool(Strict):
    type: Literal["function"] = "function"
    function: FunctionDefinition


class NamedFunction(Strict):
    name: NonBlank


class NamedToolChoice(Strict):
    type: Literal["function"]
    function: NamedFunction


ToolChoice = Annotated[
    Annotated[Literal["auto", "none", "required"], Tag("Word")]
    | Annotated[NamedToolChoice, Tag("Named")],
    Discriminator(lambda choice: "Word" if isinstance(choice, str) else "Named"),
]


class JsonSchemaFormat(Strict):
    name: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    # `schema` would shadow pydantic's own attribute.
    schema_: dict[str, JsonValue] = Field(alias="schema")
    strict: bool | None = None


class ResponseFormat(Strict):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None

    @model_validator(mode="after")
    def _has_its_schema(self) -> Self:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("json_schema belongs to the type json_schema, and only there")
        return self


class GenerateRequest(Strict):
    """The body of `/generate`, `/jobs` and `/route`."""

    task: Literal[Task, "auto"] = "auto"
    text: NonBlank | None = None
    messages: Annotated[list[Message], Field(min_length=1, max_length=500)] | None = None
    model_preference: Preference = "balanced"
    max_cost_usd: Annotated[Usd, Field(gt=0, le=1000)] | None = None
    max_latency_ms: Annotated[int, Field(ge=1, le=900_000)] | None = None
    model: ModelId | None = None
    models: (
        Annotated[
            list[ModelId], Field(min_length=1, max_length=MAX_NAMED), AfterValidator(_distinct)
        ]
        | None
    ) = None
    fallback: bool | None = None
    system: Annotated[str, StringConstraints(min_length=1)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1, le=200_000)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    tools: Annotated[list[Tool], Field(min_length=1, max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoice | None = None
    response_format: ResponseFormat | None = None
    cache_ttl_seconds: Annotated[int, Field(ge=0, le=2_592_000)] = 0
    session_id: SessionId | None = None
    explain: bool = False
    metadata: (
        Annotated[
            dict[
                Annotated[str, StringConstraints(min_length=1, max_length=64)],
                Annotated[str, StringConstraints(max_length=512)],
            ],
            Field(max_length=16),
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _has_one_input(self) -> Self:
        if (self.text is None) == (self.messages is None):
            raise ValueError("exactly one of text or messages is needed")
        if self.model is not None and self.models is not None:
            raise ValueError("model and models exclude each other")
        if self.tool_choice is not None and self.tools is None:
            raise ValueError("tool_choice needs tools")
        return self

    @property
    def falls_back(self) -> bool:
        """Whether models may be asked that the caller did not name: of a list, only where it says so."""
        return self.models is None if self.fallback is None else self.fallback

    @property
    def conversation(self) -> list[Message]:
        """What was said, in order, without system messages; a lone text is one user message."""
        if self.messages is None:
            return [Message(role="user", content=self.text)]
        return [message for message in self.messages if message.role != "system"]

    @property
    def prompt(self) -> str:
        """The text, or the last thing the user said: what the request is about."""
        if self.text is not None:
            return self.text
        said = [message.text for message in self.messages or [] if message.role == "user"]
        return said[-1] if said else ""

    @property
    def images(self) -> list[ImageUrl]:
        return [image for message in self.messages or [] for image in message.images]

    @property
    def called_tools(self) -> list[Tool]:
        """The tools that the conversation called already, known by their names alone."""
        calls = [call for message in self.messages or [] for call in message.tool_calls or []]
        names = dict.fromkeys(call.function.name for call in calls)
        return [Tool(function=FunctionDefinition(name=name)) for name in names]
