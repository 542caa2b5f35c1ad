"""Vectors of Bedrock's models, each of which has its own form of a call.

docs.aws.amazon.com/bedrock/latest/userguide: model-parameters-titan-embed-text.html,
model-parameters-embed-v3.html, model-parameters-embed-v4.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Embedded
from functions.invoke_provider.providers.embedding_batches import Inputs
from functions.invoke_provider.providers.embeddings import checked
from functions.invoke_provider.providers.wire_model import (
    OrNone,
    PartOfTokens,
    WireModel,
    paid_for,
    parse,
    parse_bill,
)
from functions.shared.contracts.embedding import EmbeddingRequest
from functions.shared.vocabulary import Usage

_COUNT = "x-amzn-bedrock-input-token-count"
_USUAL_TYPE = "search_document"
"""Cohere demands one; whoever does not say builds an index."""


@dataclass(frozen=True)
class Invoked:
    """What InvokeModel answered: the body, and the headers with small letters."""

    body: bytes
    headers: Mapping[str, str]


class _Count(WireModel):
    tokens: Annotated[PartOfTokens, Field(alias="inputTextTokenCount")] = None


class _Titan(_Count):
    embedding: list[float]


class _ByType(WireModel):
    numbers: Annotated[list[list[float]], Field(alias="float")]


class _Cohere(WireModel):
    embeddings: _ByType | list[list[float]]


class _Header(WireModel):
    tokens: Annotated[PartOfTokens, OrNone] = None


def request_body(inputs: Inputs, request: EmbeddingRequest, model: CalledModel) -> dict[str, Any]:
    if model.api == "titan_embeddings":
        (text,) = inputs
        body: dict[str, Any] = {"inputText": text, "normalize": True}
        return body | ({"dimensions": request.dimensions} if request.dimensions else {})
    body = {
        "texts": list(inputs),
        "input_type": request.input_type or _USUAL_TYPE,
        "embedding_types": ["float"],
        # What is too long is refused, as everywhere, and not cut in silence.
        "truncate": "NONE",
    }
    has_choice = model.vectors is not None and model.vectors.other_dimensions
    dimensions = request.dimensions if has_choice else None
    return body | ({"output_dimension": dimensions} if dimensions else {})


def embedded_in(
    told: Invoked, inputs: Inputs, request: EmbeddingRequest, model: CalledModel
) -> Embedded:
    """Raises `ProviderBadResponse`, with the usage that was told."""
    is_titan = model.api == "titan_embeddings"
    usage = _usage_in(told, is_titan=is_titan)
    with paid_for(usage):
        if is_titan:
            vectors = [parse(_Titan, told.body).embedding]
        else:
            made = parse(_Cohere, told.body).embeddings
            vectors = made.numbers if isinstance(made, _ByType) else made
        return Embedded(checked([*vectors], inputs, request), usage)


def _usage_in(told: Invoked, *, is_titan: bool) -> Usage | None:
    """By the header that Bedrock puts beside each answer, else as Titan counts in its own."""
    tokens = parse(_Header, {"tokens": told.headers.get(_COUNT)}).tokens
    if tokens is None and is_titan:
        count, _ = parse_bill(_Count, told.body)
        tokens = count.tokens if count else None
    return None if tokens is None else Usage(input_tokens=tokens)
