"""What the adapters of remote providers share, whatever their SDK: the statuses, the waits, the answers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError, WrapValidator

from functions.shared.errors import (
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
)

CONNECT_TIMEOUT_S = 5.0
MAX_REASON_CHARACTERS = 300

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


@dataclass(frozen=True)
class ErrorTable:
    """A provider's own words for what went wrong; both win over the status.

    `phrases` (lower case) are for what the provider tells in prose only, and count for a 400, 403 or 429 alone.
    """

    provider: str
    codes: Mapping[str, type[EngineError]]
    phrases: Mapping[str, type[EngineError]]


@dataclass(frozen=True)
class Refusal:
    """An HTTP answer that is no success. `codes` from the most to the least specific one."""

    status: int
    codes: tuple[str | None, ...]
    reason: str
    headers: Mapping[str, str]


def error_of(refusal: Refusal, table: ErrorTable) -> EngineError:
    """Only an `InvalidRequest` repeats the provider's reason: it is about the caller's request."""
    told = [code for code in refusal.codes if code]
    kind = next((table.codes[code] for code in told if code in table.codes), None)
    if kind is None and refusal.status in (400, 403, 429):
        reason = refusal.reason.lower()
        kind = next((kind for phrase, kind in table.phrases.items() if phrase in reason), None)
    if kind is None:
        kind = _BY_STATUS.get(refusal.status, ProviderUnavailable)
    if kind is InvalidRequest:
        return InvalidRequest(f"{table.provider} refused the request: {cleaned(refusal.reason)}")
    # A code is a word of the interface; anything else in its place is not repeated.
    named = [code for code in told if re.fullmatch(r"[A-Za-z0-9_]{1,64}", code)]
    message = " ".join([f"{table.provider} answered {refusal.status}", *named[:1]])
    return kind(message, retry_after_seconds=retry_after_seconds(refusal.headers))


_SECRETS = re.compile(r"(?i)\b(?:sk|key|bearer)[-_ ][\w.*-]{6,}")
_LONG_QUOTES = re.compile(r"""(["'`]).{60,}\1""", re.DOTALL)


def cleaned(reason: str) -> str:
    """A provider's reason without key material, long quotes of the request and line breaks."""
    shown = _LONG_QUOTES.sub("…", _SECRETS.sub("…", " ".join(reason.split())))
    return shown[:MAX_REASON_CHARACTERS] or "no reason given"


def retry_after_seconds(headers: Mapping[str, str]) -> int:
    """The wait a provider asks for, rounded up; 0 where it does not, or not readably."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return math.ceil(milliseconds / 1000)
    told = headers.get("retry-after")
    seconds = _number(told)
    return math.ceil(_seconds_until(told) if seconds is None else seconds)


def _number(told: str | None) -> float | None:
    try:
        number = float(told or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None


def _seconds_until(told: str | None) -> float:
    try:
        moment = parsedate_to_datetime(told or "")
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


class Wire(BaseModel):
    """The part of a provider's answer that we rely on; the rest of it may change."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


W = TypeVar("W", bound=Wire)


def parse(kind: type[W], told: object) -> W:
    """An answer, as a body or as an SDK has read it. Raises `ProviderBadResponse`, without the answer."""
    try:
        return (
            kind.model_validate_json(told) if isinstance(told, bytes) else kind.model_validate(told)
        )
    except ValidationError:
        raise ProviderBadResponse("The provider's answer is not what it promises.") from None


def _or_none(value: Any, validate: Callable[[Any], Any]) -> Any:
    try:
        return validate(value)
    except ValidationError:
        return None


OrNone = WrapValidator(_or_none)
"""An unreadable part counts as absent: bad accounting must not cost the caller a paid answer."""
Tokens = Annotated[NonNegativeInt | None, OrNone]
