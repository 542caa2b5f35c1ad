"""What an HTTP answer that is no success means, by the provider's own words and by its status."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from functions.invoke_provider.providers.retry_after import retry_after_seconds
from functions.shared.errors import (
    ContextWindowExceeded,
    EngineError,
    InvalidRequest,
    ModelNotFound,
    ProviderAuthFailed,
    ProviderOverloaded,
    ProviderQuotaExhausted,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
)

MAX_REASON_CHARACTERS = 300
_READ_CHARACTERS = 400_000
"""Of a reason: more than a request has, so that no quote of one is read in part."""

_BY_STATUS: dict[int, type[EngineError]] = {
    400: InvalidRequest,
    401: ProviderAuthFailed,
    402: ProviderQuotaExhausted,
    403: ProviderAuthFailed,
    404: ModelNotFound,
    408: ProviderTimeout,
    410: ModelNotFound,
    413: ContextWindowExceeded,
    422: InvalidRequest,
    429: ProviderThrottled,
    503: ProviderOverloaded,
    529: ProviderOverloaded,
}
"""Any other status is no fault of the request: `ProviderUnavailable`."""

_GIVEN_UP = frozenset({408, 504, 524})
"""Said by who stopped waiting for the model, which was at work. Any other answer that is no success is
taken for not billed, unless the provider says that it is."""


@dataclass(frozen=True)
class ErrorTable:
    """A provider's own words for what went wrong; both win over the status.

    `phrases` (lower case) are for what the provider tells in prose only, and count for a 400, 403 or 429 alone.
    """

    provider: str
    codes: Mapping[str, type[EngineError]]
    phrases: Mapping[str, type[EngineError]]
    may_bill: frozenset[type[EngineError]] = frozenset()
    """Refusals that came after the request was processed, which this provider bills."""


@dataclass(frozen=True)
class Refusal:
    """An HTTP answer that is no success. `codes` from the most to the least specific one."""

    status: int
    codes: tuple[str | None, ...]
    reason: str
    headers: Mapping[str, str]


def refusal_error(refusal: Refusal, table: ErrorTable) -> EngineError:
    """Only an `InvalidRequest` has the provider's reason: it is about the caller's request."""
    codes = [code for code in refusal.codes if code]
    kind = next((table.codes[code] for code in codes if code in table.codes), None)
    if kind is None and refusal.status in (400, 403, 429):
        reason = refusal.reason.lower()
        kind = next((kind for phrase, kind in table.phrases.items() if phrase in reason), None)
    if kind is None:
        kind = _BY_STATUS.get(refusal.status, ProviderUnavailable)
    # A code is a word of the interface; anything else in its place is not repeated.
    words = [code for code in codes if re.fullmatch(r"[A-Za-z0-9_]{1,64}", code)]
    message = " ".join([f"{table.provider} answered {refusal.status}", *words[:1]])
    if kind is InvalidRequest:
        return InvalidRequest(message, reason=cleaned(refusal.reason))
    error = kind(message, retry_after_seconds=retry_after_seconds(refusal.headers))
    if refusal.status in _GIVEN_UP or kind in table.may_bill:
        error.repeatable, error.billed = False, "assumed"
    return error


# By the prefixes of known ones, and whatever is as long and as unlike a word as a key.
_SECRETS = re.compile(
    r"(?i)\b(?:sk|pk|key|api[-_]?key|bearer|token|AKIA|gh[a-z]_)[-_ =:]*[\w.*-]{6,}"
    r"|[A-Za-z0-9+/_=*-]{24,}"
)
_LONG_QUOTES = re.compile(r"""(["'`]).{60,}\1""", re.DOTALL)


def cleaned(reason: str) -> str:
    """A provider's reason without key material, long quotes of the request and line breaks."""
    text = _LONG_QUOTES.sub("…", _SECRETS.sub("…", " ".join(reason[:_READ_CHARACTERS].split())))
    return text[:MAX_REASON_CHARACTERS] or "no reason given"
