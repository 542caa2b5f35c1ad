"""The stretch of time that a set of figures is about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from functions.shared.vocabulary import Frozen

_TEXT = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_SHORTEST, _LONGEST = timedelta(minutes=5), timedelta(days=30)
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


def _length(text: str) -> timedelta:
    match = _TEXT.fullmatch(text)
    length = int(match[1]) * _UNITS[match[2]] if match else timedelta()
    if not _SHORTEST <= length <= _LONGEST:
        raise ValueError("5m to 30d, as minutes, hours or days: 90m, 24h, 7d")
    return length


def _checked(text: str) -> str:
    _length(text)
    return text


class WindowQuery(Frozen):
    """The parameters of a path that takes nothing but a window."""

    window: Annotated[
        str,
        AfterValidator(_checked),
        Field(json_schema_extra={"pattern": f"^{_TEXT.pattern}$", "examples": ["1h", "7d"]}),
    ] = "1h"
    """From 5 minutes to 30 days, as `90m`, `24h` or `7d`."""


class NoQuery(Frozen):
    """Of a path that takes no parameters."""


@dataclass(frozen=True)
class Window:
    """From `start` up to `end`, both UTC and whole minutes, or whole hours where it is over a day.

    It is at least as long as `text` says and holds this very minute or hour, too.
    """

    text: str
    start: datetime
    end: datetime

    @classmethod
    def before(cls, now: datetime, text: str) -> Window:
        """Raises `ValueError` for a text that is no window."""
        now, length = now.astimezone(UTC), _length(text)
        step = _MINUTE if length <= timedelta(days=1) else _HOUR
        return cls(text, _floor(now - length, step), _floor(now, step) + step)

    def to_json(self) -> dict[str, Any]:
        """As every answer about it begins."""
        return {"window": self.text, "from": self.start, "to": self.end}

    @property
    def period_s(self) -> int:
        """The shortest period, in whole steps, of which one holds all of the window.

        CloudWatch counts periods from the start that it is asked for, so that the length would do
        (https://github.com/boto/boto3/issues/3457); others count them from the epoch, and there a
        border could fall inside. What lies beyond `end` has not happened yet.
        """
        start_s, end_s = int(self.start.timestamp()), int(self.end.timestamp())
        period_s = end_s - start_s
        step_s = 60 if self.end - self.start <= timedelta(days=1) + _MINUTE else 3600
        while start_s // period_s != (end_s - 1) // period_s:
            period_s += step_s
        return period_s


def _floor(moment: datetime, step: timedelta) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return moment - (moment - midnight) % step
