"""The words that every room speaks: kinds, amounts, counts, and the bases of what crosses a boundary."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

REQUEST_ID = re.compile(r"req_[A-Za-z0-9_-]{1,76}")
"""An execution has its request's id for a name, and a name has at most 80 characters."""

RequestId = Annotated[str, StringConstraints(pattern=f"^{REQUEST_ID.pattern}$")]

Task = Literal["summarize", "sentiment", "rewrite", "chat", "code", "analysis", "tools"]

Preference = Literal["fast", "cheap", "best", "balanced"]

Mode = Literal["sync", "async"]

Capability = Literal["tools", "json_object", "json_schema", "images", "image_urls"]
"""What a model can do; `images` inside the request, `image_urls` also at an address."""

Api = Literal["chat_completions", "responses", "messages", "converse", "onnx"]
"""The interface of its provider that a model is called by."""

Provider = Literal["openai", "azure_openai", "anthropic", "bedrock", "local"]

Sampling = Literal["temperature", "top_p", "top_k"]

ToolChoice = Literal["auto", "none", "required", "named"]

Tokenizer = Literal["o200k", "cl100k", "claude", "llama", "none"]

MockProviders = Literal["auto", "never", "always"]

Score = Annotated[float, Field(ge=0, le=1)]

Count = Annotated[int, Field(ge=0)]


def _exact(value: object) -> object:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Input should be a number")
    return Decimal(str(value))


Usd = Annotated[
    Decimal,
    BeforeValidator(_exact),
    # JSON has one kind of number; the shortest text of the double parses back to the same Decimal.
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number"}),
]


class Frozen(BaseModel):
    """Base of everything that crosses a boundary."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Strict(Frozen):
    """Base of what a caller sends: no type is guessed from another."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Usage(BaseModel):
    """Tokens of one call in disjoint parts: `input_tokens` are those neither read from nor written
    to a cache. `reasoning_tokens` are a part of `output_tokens`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_tokens: Count = 0
    cached_input_tokens: Count = 0
    cache_write_tokens: Count = 0
    output_tokens: Count = 0
    reasoning_tokens: Count = 0

    @property
    def total_input_tokens(self) -> int:
        return self.input_tokens + self.cached_input_tokens + self.cache_write_tokens
