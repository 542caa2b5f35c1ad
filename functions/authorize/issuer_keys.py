"""The public keys of an issuer, read where it publishes them."""

from __future__ import annotations

import json
import time
from http.client import HTTPException
from typing import Any
from urllib.request import HTTPRedirectHandler, Request, build_opener

from jwt import PyJWK, PyJWKSet, PyJWTError

from functions.authorize.refusals import TokenRefused
from functions.shared.errors import ServiceUnavailable
from functions.shared.telemetry.observability import logger
from functions.shared.token_issuer import TokenIssuer

FRESH_S = 3600
"""How long keys are used without another look: a key that is withdrawn ends as soon."""
LONGEST_S = 86_400
"""How long they are used while the issuer cannot be reached."""
ASK_AGAIN_S = 60
"""Between two looks at an issuer that answers, however many unknown keys are named meanwhile."""
TRY_AGAIN_S = 5
"""Between two looks at one that does not."""
_TIMEOUT_S = 3
_LARGEST_BYTES = 1_000_000
_KINDS = ("RSA", "EC", "OKP")
_HEADERS = {"Accept": "application/json", "User-Agent": "llm-orchestration-engine"}
"""Some issuers are behind filters that refuse urllib's own name."""
_DISCOVERY = "/.well-known/openid-configuration"


class IssuerKeys:
    """Kept between calls."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer
        self._keys: list[PyJWK] = []
        self._read_at_s = self._tried_at_s = float("-inf")

    def key_of(self, key_id: str | None) -> PyJWK:
        """The key that a token's header names, or the only one where it names none.

        Raises TokenRefused for one that the issuer does not have, and ServiceUnavailable where that
        is not known.
        """
        now_s = time.monotonic()
        if not self._found(key_id) or now_s - self._read_at_s > FRESH_S:
            self._look_again(now_s)
        if key := self._found(key_id):
            return key
        if self._answered:
            raise TokenRefused("its key is none of the issuer's")
        raise ServiceUnavailable("The keys of the tokens' issuer cannot be read.")

    @property
    def _answered(self) -> bool:
        return self._read_at_s == self._tried_at_s

    def _found(self, key_id: str | None) -> PyJWK | None:
        if key_id is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.key_id == key_id), None)

    def _look_again(self, now_s: float) -> None:
        if now_s - self._tried_at_s < (ASK_AGAIN_S if self._answered else TRY_AGAIN_S):
            return
        self._tried_at_s = now_s
        try:
            self._keys, self._read_at_s = read_keys(self._issuer), now_s
        except (OSError, ValueError, HTTPException, PyJWTError) as error:
            logger.warning("issuer_keys_unread", error=type(error).__name__)
            if now_s - self._read_at_s > LONGEST_S:
                self._keys = []


def read_keys(issuer: TokenIssuer) -> list[PyJWK]:
    """Those that signatures are verified with. A key that names no algorithm is one for RS256, or for its
    curve's.

    Raises OSError, HTTPException, ValueError and PyJWTError for whatever is not such a list.
    """
    told = PyJWKSet.from_dict(_read(issuer.jwks_url or _discovered(issuer)))
    return [
        key for key in told.keys if key.public_key_use in (None, "sig") and key.key_type in _KINDS
    ]


def _discovered(issuer: TokenIssuer) -> str:
    """https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation"""
    document = _read(issuer.issuer.rstrip("/") + _DISCOVERY)
    address = document.get("jwks_uri")
    if document.get("issuer") != issuer.issuer or not isinstance(address, str):
        raise ValueError("the issuer's document is another's")
    if not address.startswith(("https://", issuer.issuer.partition("//")[0] + "//")):
        raise ValueError("the issuer's keys are not where they are safe")
    return address


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> Request | None:
        """Nowhere: the configuration says where keys are."""
        return None


def _read(address: str) -> dict[str, Any]:
    request = Request(address, headers=_HEADERS)  # noqa: S310
    with build_opener(_NoRedirects()).open(request, timeout=_TIMEOUT_S) as answer:
        told = json.loads(answer.read(_LARGEST_BYTES))
    if not isinstance(told, dict):
        raise ValueError("not an object")
    return told
