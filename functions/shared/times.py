"""Times as the engine writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

_OFFSET_TOLD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", re.ASCII)


def utc(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def stamp(at: datetime) -> str:
    """A time as every store and every route has it, `2026-11-27T06:47:37.123Z`: such texts sort as the
    times do."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def restamped(row: Any) -> Any:
    """A stored JSON value with all of our times as `stamp` writes them: those of earlier versions, under
    names that end in `_at`, have `+00:00` for their `Z`. What a caller's metadata hold is the caller's."""
    if isinstance(row, list):
        return [restamped(one) for one in row]
    if not isinstance(row, dict):
        return row
    return {name: _restamped(name, value) for name, value in row.items()}


def _restamped(name: str, value: Any) -> Any:
    if name == "metadata":
        return value
    if name.endswith("_at") and isinstance(value, str) and _OFFSET_TOLD.fullmatch(value):
        return f"{value.removesuffix('+00:00')}Z"
    return restamped(value)


def from_iso(value: object) -> object:
    """A text in ISO 8601, and nothing else that a date might be made of. Raises `ValueError` in the caller's
    words."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("must be an ISO 8601 time") from None


def epoch_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
