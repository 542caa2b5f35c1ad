"""Errors as Google's services tell them, also behind OpenAI's language: a `google.rpc.Status`, alone or in a list.

https://ai.google.dev/gemini-api/docs/generate-content/api-errors, https://google.aip.dev/193
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

PER_DAY = "QUOTA_PER_DAY"
"""Our own word: the status is the same as of a quota per minute, and only its id tells."""


def error_object(body: object) -> dict[str, Any]:
    """What an error's body says, without what is around it; empty for one of another form."""
    if isinstance(body, list) and body and isinstance(body[0], dict):
        body = body[0].get("error", body[0])
    return body if isinstance(body, dict) else {}


def rpc_codes(error: Mapping[str, Any]) -> tuple[str, ...]:
    """From the most to the least specific one; none for an error of another form."""
    details = list(_details(error))
    reasons = [one.get("reason") for one in details]
    ids = [one.get("quotaId") for detail in details for one in _listed(detail, "violations")]
    daily = [PER_DAY for one in ids if isinstance(one, str) and "PerDay" in one]
    words = (*reasons, *daily[:1], error.get("status"))
    return tuple(word for word in words if isinstance(word, str))


def _details(error: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from _listed(error, "details")


def _listed(holder: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    listed = holder.get(name)
    yield from (one for one in listed if isinstance(one, dict)) if isinstance(listed, list) else ()
