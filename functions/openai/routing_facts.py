"""How an answer came about, beside OpenAI's own fields: in headers, and as `routing` in the body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from functions.shared.vocabulary import digits_of_usd, nano_usd

REQUEST_ID, REPLAYED = "x-request-id", "x-idempotent-replay"
RESPONSE_ID = "resp_"
"""Before what is behind `req_` in its request's id."""


def openai_id(prefix: str, request_id: str) -> str:
    """`req_…` as OpenAI's kinds of answers are called: `chatcmpl-…`, `resp_…`."""
    return f"{prefix}{request_id.removeprefix('req_')}"


def request_id_of_response(response_id: str) -> str:
    return f"req_{response_id.removeprefix(RESPONSE_ID)}"


def dropped_names(answer: Mapping[str, Any], ignored: Iterable[str]) -> list[str]:
    """Of what the model did not get as it was sent."""
    by_model = [one["parameter"] for one in answer["routing"]["dropped_parameters"]]
    return list(dict.fromkeys([*ignored, *by_model]))


def routing_of(answer: Mapping[str, Any], ignored: Iterable[str]) -> dict[str, Any]:
    """The native `routing`, and what a client would else look up under the request's id."""
    own = [
        {"parameter": name, "reason": "this route does not know it, or cannot do it"}
        for name in ignored
    ]
    routing, usage = answer["routing"], answer["usage"]
    return {
        **routing,
        "dropped_parameters": [*own, *routing["dropped_parameters"]],
        "request_id": answer["request_id"],
        "cached": answer["cached"],
        "mock": answer["mock"],
        "total_cost_usd": usage["total_cost_usd"],
        "savings_usd": usage["savings_usd"],
        "performance": answer["performance"],
    }


def headers_of(answer: Mapping[str, Any], own_id: str, ignored: Iterable[str]) -> dict[str, str]:
    """Of an answer to the request `own_id`, which names another where that had answered before."""
    routing = answer["routing"]
    return {
        **_common(answer["request_id"], own_id, dropped_names(answer, ignored)),
        "x-model": routing["selected_model"],
        "x-provider": routing["provider"],
        "x-cost-usd": _cost_of(answer),
        "x-fallbacks": str(len(routing["fallbacks"])),
    }


def accepted_headers(response_id: str, own_id: str, ignored: Iterable[str]) -> dict[str, str]:
    """The same of a response that is made in the background, as far as that is known."""
    return _common(request_id_of_response(response_id), own_id, ignored)


def _common(request_id: str, own_id: str, dropped: Iterable[str]) -> dict[str, str]:
    names = ", ".join(dropped)
    return {
        REQUEST_ID: request_id,
        **({"x-dropped-parameters": names} if names else {}),
        **({REPLAYED: "true"} if request_id != own_id else {}),
    }


def _cost_of(answer: Mapping[str, Any]) -> str:
    """In US dollars, exact and without an exponent."""
    return digits_of_usd(nano_usd(Decimal(str(answer["usage"]["total_cost_usd"]))))
