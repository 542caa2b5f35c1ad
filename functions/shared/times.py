"""Times as the engine writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def stamp(at: datetime) -> str:
    """A time as the log writes it: such texts sort as the times do."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def epoch_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
