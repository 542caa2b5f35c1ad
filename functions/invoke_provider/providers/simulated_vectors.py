"""Vectors that mean nothing, and are always the same for the same text."""

from __future__ import annotations

import hashlib
import math
import random

from functions.invoke_provider.called_model import CalledModel
from functions.shared.contracts.embedding import EmbeddingRequest, packed
from functions.shared.vocabulary import Usage

_BYTES_PER_TOKEN = 4


def vectors_of(request: EmbeddingRequest, model: CalledModel) -> tuple[str, ...]:
    """Of length 1. The models of one family make the same."""
    made = model.vectors
    family, usual = (made.family, made.dimensions) if made else (model.id, 1)
    dimensions = request.dimensions or usual
    return tuple(packed(_unit_vector(f"{family} {one!r}", dimensions)) for one in request.input)


def usage_of(request: EmbeddingRequest) -> Usage:
    """By the simulator's own way of counting."""
    sizes = (len(one.encode("utf-8", "replace")) for one in request.texts)
    texts = sum(-(-size // _BYTES_PER_TOKEN) for size in sizes)
    return Usage(input_tokens=texts + sum(map(len, request.token_ids)))


def _unit_vector(seed: str, dimensions: int) -> list[float]:
    digest = hashlib.sha256(seed.encode("utf-8", "replace")).digest()
    drawn = random.Random(digest)  # noqa: S311
    numbers = [drawn.gauss(0, 1) for _ in range(dimensions)]
    length = math.hypot(*numbers)
    return [number / length for number in numbers]
