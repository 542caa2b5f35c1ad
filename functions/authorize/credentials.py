"""What a request authenticates by: the one header that its route's authorizer is about."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

API_KEY_HEADER, BEARER_HEADER = "X-API-Key", "Authorization"
_SCHEME = "bearer"


@dataclass(frozen=True)
class Credential:
    """A key or a token, empty where the header has none."""

    header: str
    value: str


def credential_of(
    event: Mapping[str, Any], bearer_routes: Collection[str], either_routes: Collection[str] = ()
) -> Credential:
    """By the route, as `GET /v1/caller`. Of both headers, where either does, the first is our own.

    The gateway keeps the verdict under the value of that header alone: whoever looked at another one here
    would hand out one caller's verdict to the next. Of routes that take either it keeps none.
    """
    route = f"{event['httpMethod']} {event['resource']}"
    key = Credential(API_KEY_HEADER, _header(event, API_KEY_HEADER).strip())
    if route in bearer_routes or (route in either_routes and not key.value):
        return _bearer(event)
    return key


def _bearer(event: Mapping[str, Any]) -> Credential:
    scheme, _, token = _header(event, BEARER_HEADER).strip().partition(" ")
    return Credential(BEARER_HEADER, token.strip() if scheme.lower() == _SCHEME else "")


def _header(event: Mapping[str, Any], name: str) -> str:
    headers: Mapping[str, str] = event.get("headers") or {}
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")
