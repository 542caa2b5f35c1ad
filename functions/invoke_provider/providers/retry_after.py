"""How long a provider asks to be left alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_WAIT_S = 86_400
"""Whatever is longer is no wait; and the state machine reckons with it."""


def retry_after_seconds(headers: Mapping[str, str]) -> int:
    """The wait a provider asks for, rounded up, a day at most; 0 where it does not, or not readably."""
    return math.ceil(min(_asked_s(headers), MAX_WAIT_S))


def _asked_s(headers: Mapping[str, str]) -> float:
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    retry_after = headers.get("retry-after")
    seconds = _number(retry_after)
    return _seconds_until(retry_after) if seconds is None else seconds


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None


def _seconds_until(http_date: str | None) -> float:
    try:
        moment = parsedate_to_datetime(http_date or "")
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
