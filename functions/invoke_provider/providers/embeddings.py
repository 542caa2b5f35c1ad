"""OpenAI's Embeddings: what a call says, and what an answer means."""

from __future__ import annotations

import struct
from math import isfinite
from typing import Annotated, Any

from pydantic import AliasChoices, Field

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Embedded
from functions.invoke_provider.providers.embedding_batches import Inputs
from functions.invoke_provider.providers.wire_model import (
    Tokens,
    WireModel,
    paid_for,
    parse,
    parse_bill,
)
from functions.shared.contracts.embedding import EmbeddingRequest, packed, unpacked
from functions.shared.errors import ProviderBadResponse
from functions.shared.vocabulary import Usage


class _Usage(WireModel):
    input_tokens: Tokens = Field(validation_alias=AliasChoices("prompt_tokens", "total_tokens"))


class _Bill(WireModel):
    usage: _Usage


class _Vector(WireModel):
    """Packed, as it is asked for, or the numbers: not every server packs them."""

    index: int | None = None
    embedding: str | list[float]


class _Answer(WireModel):
    data: Annotated[list[_Vector], Field(min_length=1)]


def request_body(inputs: Inputs, request: EmbeddingRequest, model: CalledModel) -> dict[str, Any]:
    optional: dict[str, Any] = {"dimensions": request.dimensions}
    if "user" in model.parameters:
        optional["user"] = request.user
    return {
        "model": model.provider_model_id,
        "input": list(inputs),
        "encoding_format": "base64",
        **{name: value for name, value in optional.items() if value is not None},
    }


def embedded_in(body: object, inputs: Inputs, request: EmbeddingRequest) -> Embedded:
    """Raises `ProviderBadResponse`, with the usage that was told."""
    bill, is_odd = parse_bill(_Bill, body)
    usage = Usage(input_tokens=bill.usage.input_tokens, estimated=is_odd) if bill else None
    with paid_for(usage):
        data = parse(_Answer, body).data
        if all(one.index is not None for one in data):
            data = sorted(data, key=lambda one: one.index or 0)
        return Embedded(checked([one.embedding for one in data], inputs, request), usage)


def checked(
    vectors: list[str | list[float]], inputs: Inputs, request: EmbeddingRequest
) -> tuple[str, ...]:
    """Packed, one for each input, and all of as many dimensions as were asked for.

    Raises `ProviderBadResponse`.
    """
    try:
        told = [one if isinstance(one, str) else packed(one) for one in vectors]
        made = [unpacked(one) for one in told]
    except (ValueError, OverflowError, struct.error):
        raise ProviderBadResponse("The provider's vectors cannot be read.") from None
    if len(told) != len(inputs):
        raise ProviderBadResponse("The provider did not answer each input with a vector.")
    if not all(isfinite(number) for vector in made for number in vector):
        raise ProviderBadResponse("The provider's vectors hold what is no number.")
    lengths = {len(one) for one in made}
    if len(lengths) > 1 or 0 in lengths or lengths - {request.dimensions or max(lengths)}:
        raise ProviderBadResponse(
            "The provider's vectors have other dimensions than were asked for."
        )
    return tuple(told)
