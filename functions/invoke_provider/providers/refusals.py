"""What an HTTP answer that is no success means, by the provider's own words and by its status."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from functions.invoke_provider.providers.reasons import cleaned, without_quotes
from functions.invoke_provider.providers.retry_after import told_wait_s
from functions.shared.errors import (
    ContentFiltered,
    ContextWindowExceeded,
    EngineError,
    InvalidRequest,
    ModelNotFound,
    ProviderAuthFailed,
    ProviderBadResponse,
    ProviderOverloaded,
    ProviderQuotaExhausted,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
    RequestDoubted,
    RequestUnsupported,
)

Kind = type[EngineError]

IN_AN_ANSWER = 200
"""The status of an error that is told in place of an answer which the provider calls failed."""
IN_A_STREAM = 206
"""The status of an error that ends an answer on its way."""

BY_STATUS: dict[int, Kind] = {
    400: RequestDoubted,
    401: ProviderAuthFailed,
    402: ProviderQuotaExhausted,
    403: ProviderAuthFailed,
    404: ModelNotFound,
    405: ModelNotFound,
    408: ProviderTimeout,
    410: ModelNotFound,
    413: ContextWindowExceeded,
    422: RequestDoubted,
    429: ProviderThrottled,
    451: ModelNotFound,
    503: ProviderOverloaded,
    529: ProviderOverloaded,
}
"""Where no word is known. Any other status is no fault of the request: `ProviderUnavailable`."""

BY_PART_OF_A_CODE: dict[str, Kind] = {
    **dict.fromkeys(
        ("policy", "safety", "moderation", "content_filter", "guardrail", "flagged", "prohibited"),
        ContentFiltered,
    ),
    **dict.fromkeys(
        ("quota", "billing", "credit", "spend_limit", "payment"), ProviderQuotaExhausted
    ),
    **dict.fromkeys(
        ("region", "country", "territory", "residency", "retention", "deployment"), ModelNotFound
    ),
    **dict.fromkeys(("model_not", "model_permission", "model_deprecated"), ModelNotFound),
    **dict.fromkeys(
        ("api_key", "organization", "account", "project", "workspace", "subscription"),
        ProviderAuthFailed,
    ),
    **dict.fromkeys(("context_length", "context_window"), ContextWindowExceeded),
    **dict.fromkeys(("unsupported", "not_supported", "above_max"), RequestUnsupported),
    "image": InvalidRequest,
}
"""A code that is not known yet is of the kind that its words name; the first of them counts."""

_GIVEN_UP = frozenset({408, 504, 524})
"""Said by who stopped waiting for the model, which was at work. Any other answer that is no success is
taken for not billed, unless the provider says that it is."""
_WITH_REASON = frozenset({InvalidRequest, RequestDoubted, RequestUnsupported})
_WITH_WAIT = frozenset(
    {ProviderThrottled, ProviderOverloaded, ProviderUnavailable, ProviderQuotaExhausted}
)
_VAGUE = frozenset({400, 403, 422, 429})
"""Said of the request as well as of the account. What another one means, no prose tells better."""
_LONGEST_CODE = 64


@dataclass(frozen=True)
class ErrorTable:
    """A provider's own words for what went wrong; `codes` win over whatever else is told.

    `phrases` (lower case) are for what the provider tells in prose only, and count for a 400, 403, 422 or 429, and
    inside an answer. `general_codes` say little more than a status, and count where no phrase does, but for
    a status of 500 and more.
    """

    provider: str
    codes: Mapping[str, Kind]
    phrases: Mapping[str, Kind]
    general_codes: Mapping[str, Kind] = field(default_factory=dict)
    may_bill: frozenset[Kind] = frozenset()
    """Refusals that came after the request was processed, which this provider bills."""


@dataclass(frozen=True)
class Refusal:
    """An HTTP answer that is no success. `codes` from the most to the least specific one; `body` is the
    error as its JSON has it, where that may name a wait."""

    status: int
    codes: tuple[str | None, ...]
    reason: str
    headers: Mapping[str, str]
    body: object = None


def refusal_error(refusal: Refusal, table: ErrorTable) -> EngineError:
    """What is about the caller's request, or may be, has the provider's reason; what may pass, its wait."""
    codes = [code for code in refusal.codes if isinstance(code, str) and code]
    kind = _kind(refusal, codes, table)
    wait_s = None
    if kind in _WITH_WAIT:
        wait_s = told_wait_s(refusal.headers, refusal.reason, refusal.body)
    error = kind(
        _message(refusal.status, codes, table.provider),
        retry_after_seconds=math.ceil(wait_s or 0),
        reason=cleaned(refusal.reason) if kind in _WITH_REASON else "",
    )
    error.told_wait_seconds = wait_s
    if refusal.status in _GIVEN_UP or kind in table.may_bill:
        error.repeatable, error.billed = False, "assumed"
    return error


def _message(status: int, codes: Iterable[str], provider: str) -> str:
    # A code is a word of the interface; anything else in its place is not repeated.
    words = [code for code in codes if re.fullmatch(r"(?!\d+$)\w{1,64}", code, re.ASCII)]
    answered = f"answered {status}" if status != IN_A_STREAM else "broke off its answer"
    return " ".join([f"{provider} {answered}", *words[:1]])


def _kind(refusal: Refusal, codes: list[str], table: ErrorTable) -> Kind:
    status = _status(refusal.status, codes)
    is_vague = status < 400 or status in _VAGUE
    kind = _by_code(codes, table.codes)
    if kind is None and is_vague:
        kind = _by_phrase(refusal.reason, table.phrases)
    if kind is None and status < 500:
        kind = _by_code(codes, table.general_codes)
    if kind is None and is_vague and status != 429:
        kind = _by_part(codes)
    return kind or _by_status(status, codes)


def _status(status: int, codes: list[str]) -> int:
    """Inside an answer, the code may be the status that the error would have had before it."""
    told = (int(code) for code in codes if re.fullmatch(r"[45]\d\d", code, re.ASCII))
    return next(told, status) if status < 400 else status


def _by_code(codes: list[str], known: Mapping[str, Kind]) -> Kind | None:
    return next((known[code] for code in codes if code in known), None)


def _by_phrase(reason: str, known: Mapping[str, Kind]) -> Kind | None:
    told = without_quotes(reason).lower()
    return next((kind for phrase, kind in known.items() if phrase in told), None)


def _by_part(codes: list[str]) -> Kind | None:
    told = [code[:_LONGEST_CODE].lower() for code in codes]
    known = BY_PART_OF_A_CODE.items()
    return next((kind for code in told for part, kind in known if part in code), None)


def _by_status(status: int, codes: list[str]) -> Kind:
    if status >= 400:
        return BY_STATUS.get(status, ProviderUnavailable)
    if status == IN_A_STREAM:
        return ProviderUnavailable
    # Of an answer that failed for an unknown reason the provider is not known to be at fault: it may be
    # the prompt's, as most reasons are. One without a reason is no answer of the interface.
    return RequestDoubted if codes else ProviderBadResponse
