"""Times as the engine writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def stamp(at: datetime) -> str:
    """A time as the log writes it: such texts sort as the times do."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


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
