"""Headers that every answer has, whoever makes it: a function, a mapping template or the gateway.

https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_EVERY: Mapping[str, str] = {
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}

OF_JSON: Mapping[str, str] = MappingProxyType({**_EVERY, "Cache-Control": "no-store"})
"""An answer belongs to one caller, an error included."""

_EXPOSED = (
    *("Location", "Retry-After", "x-idempotent-replay", "x-should-retry"),
    *("x-request-id", "x-model", "x-provider", "x-cost-usd", "x-fallbacks"),
    *("x-dropped-parameters", "x-stream-mode"),
)
"""What a page's script may read of an answer beside the few that it always may."""


def json_headers(cors_allow_origin: str | None) -> Mapping[str, str]:
    """`OF_JSON`, and where pages of another origin, or with `*` of any, may read answers, what tells their
    browsers so."""
    if cors_allow_origin is None:
        return OF_JSON
    varying = {} if cors_allow_origin == "*" else {"Vary": "Origin"}
    return {
        **OF_JSON,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": cors_allow_origin,
        "Access-Control-Expose-Headers": ", ".join(_EXPOSED),
        **varying,
    }


OF_PAGE: Mapping[str, str] = MappingProxyType(
    {
        **_EVERY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
        "connect-src 'self'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
)
"""A page and its files are asked for each time, and not sent again while they are the same."""
