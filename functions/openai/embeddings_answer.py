"""Vectors as Embeddings writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from functions.openai.embeddings_request import Encoding
from functions.openai.routing_facts import routing_of
from functions.shared.contracts.embedding import unpacked
from functions.shared.vocabulary import nano_usd, usd

_SUMS = ("input_tokens", "cached_input_tokens", "output_tokens")
_AMOUNTS = (
    "total_cost_usd",
    "possibly_billed_usd",
    "simulated_cost_usd",
    "baseline_cost_usd",
    "savings_usd",
)


def embeddings_response(
    answer: Mapping[str, Any], encoding: Encoding, ignored: Iterable[str]
) -> dict[str, Any]:
    """Of one answer, or of several that `together` made one of."""
    tokens = answer["usage"]["input_tokens"]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _vector(vector, encoding)}
            for index, vector in enumerate(answer["vectors"])
        ],
        "model": answer["routing"]["selected_model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "routing": routing_of(answer, ignored),
    }


def together(answers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The first one's decision, with the vectors, tokens, costs and fallbacks of all."""
    first, *others = answers
    if not others:
        return first
    usage = {**first["usage"]}
    usage |= {name: sum(one["usage"][name] for one in answers) for name in _SUMS}
    usage |= {name: _sum_usd(one["usage"][name] for one in answers) for name in _AMOUNTS}
    fallbacks = [fallback for one in answers for fallback in one["routing"]["fallbacks"]]
    times = {
        name: sum(one["performance"][name] for one in answers) for name in first["performance"]
    }
    return {
        **first,
        "vectors": [vector for one in answers for vector in one["vectors"]],
        "cached": all(one["cached"] for one in answers),
        "mock": any(one["mock"] for one in answers),
        "usage": usage,
        "routing": {**first["routing"], "fallbacks": fallbacks},
        "performance": times,
    }


def _sum_usd(amounts: Iterable[float]) -> float:
    """Exact to the nano-dollar."""
    return float(usd(sum(nano_usd(Decimal(str(amount))) for amount in amounts)))


def _vector(vector: str, encoding: Encoding) -> str | list[float]:
    if encoding == "base64":
        return vector
    # Nine digits tell a 32-bit float exactly; Python would write all of a 64-bit one's.
    return [float(f"{number:.9g}") for number in unpacked(vector)]
