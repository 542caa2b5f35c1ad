"""The words that every room speaks: kinds, amounts, counts, and the bases of what crosses a boundary."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from functions.shared.request_ids import REQUEST_ID
from functions.shared.times import stamp

RequestId = Annotated[str, StringConstraints(pattern=f"^{REQUEST_ID.pattern}$")]

CorsOrigin = Annotated[
    str, StringConstraints(pattern=r"^(\*|https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?)$")
]
"""As a browser names the site of a page, without a path, or `*` for any."""

TextTask = Literal["summarize", "sentiment", "rewrite", "chat", "code", "analysis", "tools"]
"""What is answered with a text."""

EMBEDDING: Literal["embedding"] = "embedding"
Task = Literal[TextTask, "embedding"]
"""What a request is counted as."""

Kind = Literal["answer", "embedding"]
"""Of an execution, by what its request asks for."""

Preference = Literal["fast", "cheap", "best", "balanced"]

Mode = Literal["sync", "async"]

EndStatus = Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
"""How a request ended; only a job's machine is stopped, or runs out of time."""

Capability = Literal["tools", "json_object", "json_schema", "images", "image_urls"]
"""What a model can do; `images` inside the request, `image_urls` also at an address."""

Api = Literal[
    "chat_completions",
    "responses",
    "messages",
    "converse",
    "onnx",
    "embeddings",
    "titan_embeddings",
    "cohere_embeddings",
]
"""The interface of its provider that a model is called by."""

BUILT_IN_PROVIDERS = ("openai", "azure_openai", "anthropic", "bedrock", "gemini", "local")

Provider = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,30}$")]
"""One of those, or one that the stage adds."""

OutputLimitName = Literal["max_completion_tokens", "max_tokens"]
"""What Chat Completions calls the most tokens of an answer: today's name, or that of old, which most
servers that speak it know alone."""

Sampling = Literal["temperature", "top_p", "top_k"]

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""Of reasoning, from the least to the most."""

Parameter = Literal[
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "parallel_tool_calls",
    "verbosity",
    "user",
]
"""What a model may take or not, and is not `Sampling`."""

ToolChoice = Literal["auto", "none", "required", "named"]

Tokenizer = Literal["o200k", "cl100k", "claude", "llama", "none"]

TaskSource = Literal["caller", "classifier"]

MockProviders = Literal["auto", "never", "always"]

PriceTier = Literal["standard", "priority", "flex", "batch", "fast"]
"""What a provider calls a service tier, or a speed: each has rates of its own."""

InferenceGeo = Literal["global", "us"]
"""Where Anthropic lets a model run; not all regions cost the same."""

PriceFactors = dict[Provider, Annotated[Decimal, Field(gt=0, le=10)]]
"""What a stage pays a provider as a multiple of the list price; one that is not there costs just that."""

Score = Annotated[float, Field(ge=0, le=1)]

Share = Annotated[float, Field(gt=0, le=1)]

Count = Annotated[int, Field(ge=0)]

Zero = Annotated[Count, Field(exclude_if=lambda count: not count)]
"""Left out where it is 0, as it nearly always is."""

Stamped = Annotated[
    datetime,
    PlainSerializer(stamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time that an answer tells."""

NanoUsd = Annotated[int, Field(ge=0)]
"""Money inside the engine: whole billionths of a US dollar, which add up exactly."""


def _exact(value: object) -> object:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    return Decimal(str(value))


Usd = Annotated[
    Decimal,
    BeforeValidator(_exact),
    # JSON has one kind of number; the shortest text of the double parses back to the same Decimal.
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number"}),
]
"""Money as callers say it and see it."""


def usd(nano_usd: int) -> Decimal:
    return Decimal(nano_usd).scaleb(-9)


def nano_usd(amount_usd: Decimal) -> int:
    """Rounded down, so that a limit admits nothing that is over it; an amount of ours is exact."""
    return int(amount_usd.scaleb(9).to_integral_value(ROUND_FLOOR))


def digits_of_usd(nano_usd: int) -> str:
    """For people, exact and without an exponent."""
    return f"{usd(nano_usd).normalize():f}"


def in_usd(value: Any) -> Any:
    """A JSON value with every `…_nano_usd` in it printed as `…_usd`."""
    if isinstance(value, list):
        return [in_usd(one) for one in value]
    if not isinstance(value, dict):
        return value
    return dict(_printed(name, one) for name, one in value.items())


def _printed(name: str, value: Any) -> tuple[str, Any]:
    stem = name.removesuffix("_nano_usd")
    if stem == name or not isinstance(value, int):
        return name, in_usd(value)
    return f"{stem}_usd", float(usd(value))


class Frozen(BaseModel):
    """Base of everything that crosses a boundary."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True
    )


class Listing(Frozen):
    """Every list that a route answers with: `next_cursor` is null where there is no further page."""

    data: list[Any]
    """Each list says of what."""
    next_cursor: str | None = None


class Strict(Frozen):
    """Base of what a caller sends: no type is guessed from another."""

    model_config = ConfigDict(strict=True)


class Usage(Frozen):
    """Tokens of one call in disjoint parts, and what else its price depends on.

    `input_tokens` are those neither read from nor written to a cache; `long_cache_write_tokens` were
    written for an hour or longer. `reasoning_tokens` are a part of `output_tokens`. `estimated`: the
    provider did not tell all of it, or told what cannot be.
    """

    input_tokens: Count = 0
    cached_input_tokens: Count = 0
    cache_write_tokens: Count = 0
    long_cache_write_tokens: Annotated[Count, Field(exclude_if=lambda count: not count)] = 0
    output_tokens: Count = 0
    reasoning_tokens: Count = 0
    tier: Annotated[PriceTier, Field(exclude_if=lambda tier: tier == "standard")] = "standard"
    inference_geo: Annotated[InferenceGeo, Field(exclude_if=lambda geo: geo == "global")] = "global"
    estimated: Annotated[bool, Field(exclude_if=lambda estimated: not estimated)] = False

    @property
    def total_input_tokens(self) -> int:
        return (
            self.input_tokens
            + self.cached_input_tokens
            + self.cache_write_tokens
            + self.long_cache_write_tokens
        )
