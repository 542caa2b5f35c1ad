"""What is asked for vectors, and how they travel through the states."""

from __future__ import annotations

import base64
import struct
from math import ceil
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from functions.shared.caller import CacheTtl
from functions.shared.catalogue.models import MOST_DIMENSIONS
from functions.shared.contracts.asked import (
    MaxCostUsd,
    MaxLatencyMs,
    Metadata,
    ModelId,
    User,
)
from functions.shared.vocabulary import Preference, Strict

MOST_INPUTS = 2048
"""Of one request, as OpenAI has it."""
MOST_VECTOR_BYTES = 200_000
"""Of all vectors that one execution answers with. A state holds at most 262,144 bytes."""
_FLOAT_BYTES = 4
_AROUND_A_VECTOR = 3

NonEmpty = Annotated[str, StringConstraints(min_length=1)]
TokenIds = Annotated[
    list[Annotated[int, Field(ge=0, lt=1_000_000)]], Field(min_length=1, fail_fast=True)
]
Input = Annotated[
    Annotated[NonEmpty, Tag("Text")] | Annotated[TokenIds, Tag("TokenIds")],
    Discriminator(lambda one: "TokenIds" if isinstance(one, list) else "Text"),
]


def _of_one_kind(inputs: list[Any]) -> list[Any]:
    if len({isinstance(one, str) for one in inputs}) > 1:
        raise ValueError("holds either texts or lists of token ids")
    return inputs


Inputs = Annotated[
    list[Input],
    Field(min_length=1, max_length=MOST_INPUTS, fail_fast=True),
    AfterValidator(_of_one_kind),
]
InputType = Literal["search_document", "search_query", "classification", "clustering"]


class EmbeddingRequest(Strict):
    """One part of a request for vectors, as its execution gets it: inputs are all texts, or all lists of
    token ids. Exactly one of `model` and `family` is named."""

    input: Inputs
    model: ModelId | None = None
    family: ModelId | None = None
    """Whichever model makes these vectors may be asked."""
    dimensions: Annotated[int, Field(ge=1, le=MOST_DIMENSIONS)] | None = None
    input_type: InputType | None = None
    """What the vectors are for; Cohere's models make others for each."""
    model_preference: Preference = "balanced"
    max_cost_usd: MaxCostUsd | None = None
    max_latency_ms: MaxLatencyMs | None = None
    fallback: bool | None = None
    user: User | None = None
    cache_ttl_seconds: CacheTtl | None = None
    explain: bool = False
    metadata: Metadata | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.model is None) == (self.family is None):
            raise ValueError("exactly one of model or family is needed")
        return self

    @property
    def texts(self) -> list[str]:
        """Empty where the inputs are token ids."""
        return [one for one in self.input if isinstance(one, str)]

    @property
    def token_ids(self) -> list[list[int]]:
        """Empty where the inputs are texts."""
        return [one for one in self.input if not isinstance(one, str)]


def vector_bytes(dimensions: int) -> int:
    """Of one packed vector in a JSON list."""
    return 4 * ceil(_FLOAT_BYTES * dimensions / 3) + _AROUND_A_VECTOR


def vectors_that_fit(dimensions: int) -> int:
    """In one execution's answer."""
    return MOST_VECTOR_BYTES // vector_bytes(dimensions)


def packed(values: list[float]) -> str:
    """Little-endian 32-bit floats in base64, which is OpenAI's own packed form.

    Raises `OverflowError` and `struct.error` for what is no such number.
    """
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def unpacked(vector: str) -> list[float]:
    """Raises `ValueError` for what was not packed so."""
    data = base64.b64decode(vector, validate=True)
    if len(data) % _FLOAT_BYTES:
        raise ValueError("no list of 32-bit floats")
    return list(struct.unpack(f"<{len(data) // _FLOAT_BYTES}f", data))


def kind_of_request(told: Any) -> str:
    """By the one field that the others do not have."""
    is_embedding = isinstance(told, EmbeddingRequest) or (
        isinstance(told, dict) and "input" in told
    )
    return "embedding" if is_embedding else "answer"
