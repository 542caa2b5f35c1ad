"""A body of Embeddings, and the native requests that ask the same: as many as its vectors need."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from functions.openai.leniency import understood
from functions.openai.model_names import AUTO
from functions.shared.caller import CacheTtl
from functions.shared.catalogue.models import MOST_DIMENSIONS, Vectors, load_catalogue
from functions.shared.contracts.asked import MaxCostUsd, MaxLatencyMs, Metadata, ModelId, User
from functions.shared.contracts.embedding import (
    MOST_INPUTS,
    Inputs,
    InputType,
    vector_bytes,
    vectors_that_fit,
)
from functions.shared.errors import InvalidRequest, PayloadTooLarge
from functions.shared.vocabulary import Preference, Strict, nano_usd, usd

MOST_BODY_BYTES = 5_900_000
"""Of an answer: Lambda hands on at most 6 MB, with what JSON inside of JSON adds."""
_MOST_PART_BYTES = 150_000
"""Of the inputs of one execution, which has the rest of a state for what goes with them."""
_AROUND_A_VECTOR = 80
_BYTES_OF_A_NUMBER = 16
"""With nine digits, which tell a 32-bit float exactly, its sign, exponent and comma."""
_USUAL_DIMENSIONS = 1536

_WHAT: Mapping[str, Any] = {"type": "string", "minLength": 1}
_IDS: Mapping[str, Any] = {"type": "array", "minItems": 1, "items": {"type": "integer"}}

Encoding = Literal["float", "base64"]


class EmbeddingsRequest(Strict):
    """The body of `/embeddings`. What is unknown is ignored, and listed in `x-dropped-parameters`."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": True})

    model: ModelId
    """A catalogue id, with or without its provider in front, or `auto:` with a family of models that make the
    same vectors: the best of them is asked."""
    input: Annotated[
        Inputs,
        WithJsonSchema(
            {
                "anyOf": [
                    _WHAT,
                    {"type": "array", "minItems": 1, "maxItems": MOST_INPUTS, "items": _WHAT},
                    _IDS,
                    {"type": "array", "minItems": 1, "maxItems": MOST_INPUTS, "items": _IDS},
                ]
            }
        ),
    ]
    """A text, or the ids of its tokens, or a list of either."""
    dimensions: Annotated[int, Field(ge=1, le=MOST_DIMENSIONS)] | None = None
    encoding_format: Encoding | None = None
    """`base64` packs a vector as little-endian 32-bit floats."""
    user: User | None = None
    input_type: InputType | None = None
    """What the vectors are for; Cohere's models make others for each."""
    model_preference: Preference | None = None
    max_cost_usd: MaxCostUsd | None = None
    max_latency_ms: MaxLatencyMs | None = None
    fallback: bool | None = None
    """Whether others of its family may stand in for a named model."""
    cache_ttl_seconds: CacheTtl | None = None
    explain: bool | None = None
    metadata: Metadata | None = None


_PASSED_ON = set(EmbeddingsRequest.model_fields) - {
    "model",
    "input",
    "encoding_format",
    "max_cost_usd",
}


@dataclass(frozen=True)
class AskedEmbeddings:
    """`parts` are native requests, each for one execution; their inputs follow each other."""

    parts: Sequence[Mapping[str, Any]]
    encoding: Encoding
    max_latency_ms: int | None
    ignored: list[str] = field(default_factory=list)


def translated_embeddings(body: Any) -> AskedEmbeddings:
    """Raises `InvalidRequest`, and `PayloadTooLarge` for more vectors than one answer holds."""
    asked, ignored = understood(_with_list(body), EmbeddingsRequest)
    named, made = _named(asked.model)
    dimensions = asked.dimensions or (made.dimensions if made else _USUAL_DIMENSIONS)
    encoding: Encoding = asked.encoding_format or "float"
    _check_size(len(asked.input), dimensions, encoding)
    told = asked.model_dump(include=_PASSED_ON, exclude_none=True) | named
    inputs = list(_split(asked.input, vectors_that_fit(dimensions)))
    limits = _limits(asked.max_cost_usd, inputs)
    parts = [{**told, **limit, "input": part} for part, limit in zip(inputs, limits, strict=True)]
    return AskedEmbeddings(parts, encoding, asked.max_latency_ms, ignored)


def _with_list(body: Any) -> Any:
    """A lone text, or the tokens of one, as a list of one."""
    told = body.get("input") if isinstance(body, dict) else None
    is_lone = isinstance(told, str) or (
        isinstance(told, list) and bool(told) and all(type(one) is int for one in told)
    )
    return {**body, "input": [told]} if is_lone else body


def _named(model: str) -> tuple[dict[str, str], Vectors | None]:
    """The field of a native request, and what is known of the vectors.

    Raises `InvalidRequest` for `auto` without a family, and for a family that is none.
    """
    catalogue = load_catalogue()
    word, _, family = model.partition(":")
    if word != AUTO:
        model_id = catalogue.id_of(model)
        made = {one.id: one.vectors for one in catalogue.models}.get(model_id)
        return {"model": model_id}, made
    members = catalogue.family(family)
    if not members:
        known = ", ".join(catalogue.families)
        problem = (
            "must be a model, or auto: with a family, as vectors of different models do not compare; "
            f"families are {known}"
        )
        raise InvalidRequest.at("model", problem)
    return {"family": family}, members[0].vectors


def _check_size(inputs: int, dimensions: int, encoding: Encoding) -> None:
    packed = vector_bytes(dimensions)
    size = packed if encoding == "base64" else _BYTES_OF_A_NUMBER * dimensions
    most = MOST_BODY_BYTES // (size + _AROUND_A_VECTOR)
    if inputs > most:
        hint = "" if encoding == "base64" else ", or more of them as base64"
        raise PayloadTooLarge(
            f"An answer holds at most {most} vectors of {dimensions} dimensions as {encoding}, and "
            f"{inputs} were asked for: send fewer inputs at once{hint}."
        )


def _split(inputs: Sequence[Any], most: int) -> Iterator[list[Any]]:
    """In order, each with at most so many; a part is never empty."""
    part: list[Any] = []
    size = 0
    for one in inputs:
        more = _bytes_of(one)
        if part and (len(part) >= most or size + more > _MOST_PART_BYTES):
            yield part
            part, size = [], 0
        part.append(one)
        size += more
    yield part


def _bytes_of(value: Any) -> int:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode("utf-8", "replace")) + 1


def _limits(limit: Decimal | None, parts: Sequence[list[Any]]) -> list[dict[str, float]]:
    """The whole request's limit, shared out by how much is sent with each part."""
    if limit is None:
        return [{} for _ in parts]
    sizes = [sum(map(_bytes_of, part)) for part in parts]
    whole, total = nano_usd(limit), sum(sizes)
    return [{"max_cost_usd": float(usd(max(1, whole * size // total)))} for size in sizes]
