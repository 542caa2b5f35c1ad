"""How long a provider asks to be left alone, in any of the places and forms in which one says so.

Sources: RFC 9110, section 10.2.3; https://developers.openai.com/api/docs/guides/rate-limits;
https://platform.claude.com/docs/en/api/rate-limits; https://google.aip.dev/194 and `google.rpc.RetryInfo`;
microsoft/kernel-memory#795 (`x-ms-retry-after-ms`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from functions.invoke_provider.providers.reasons import without_quotes

MAX_WAIT_S = 86_400
"""Whatever is longer is no wait; and the state machine reckons with it."""
_LONGEST_TIME = 64
_READ_DETAILS = 20
_LEAST_EPOCH_S = 1e9
_LEAST_EPOCH_MS = 1e11

_IN_MILLISECONDS = ("retry-after-ms", "x-ms-retry-after-ms")
_IN_A_BODY = (
    "retry_after", "retry_after_seconds", "retry_delay",
    "retry_after_ms", "retry_after_milliseconds",
)  # fmt: skip
"""In any case, with or without what stands between the words."""
_WORDS_IN_A_BODY = frozenset(name.replace("_", "") for name in _IN_A_BODY)

_UNITS_S = {
    **dict.fromkeys(("ns", "us", "µs"), 0.0),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3_600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
}
_ONE_UNIT = "|".join(sorted(_UNITS_S, key=len, reverse=True))
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?", re.IGNORECASE)
_PART = rf"[0-9]{{1,9}}(?:\.[0-9]{{1,12}})?\s?(?:{_ONE_UNIT})(?![a-zµ])"
_PARTS = re.compile(rf"([0-9]+(?:\.[0-9]+)?)\s?({_ONE_UNIT})", re.IGNORECASE)
_DURATION = re.compile(rf"{_PART}(?:(?:,? and |,? )?{_PART})*", re.IGNORECASE)
_IN_WORDS = re.compile(
    r"\b(?:try again|retry|wait|resets?|replenished|available)\b[^0-9]{0,30}?"
    rf"({_DURATION.pattern})",
    re.IGNORECASE,
)


def told_wait_s(headers: Mapping[str, str], reason: str = "", body: object = None) -> float | None:
    """Seconds until the provider wants to be asked again, a day at most; the most specific word counts.

    0 is "now", None where it does not say, or not readably. `body` is the error as its JSON has it.
    """
    told = {name.lower(): value for name, value in headers.items()}
    for wait_s in _waits(told, reason, body):
        if wait_s is not None:
            return min(max(0.0, wait_s), MAX_WAIT_S)
    return None


def _waits(told: Mapping[str, str], reason: str, body: object) -> Iterator[float | None]:
    for name in _IN_MILLISECONDS:
        yield _milliseconds(told.get(name))
    yield _seconds(told.get("retry-after"))
    yield from _in_body(body)
    yield _in_words(reason)
    yield _until_reset(told)


def _milliseconds(text: str | None) -> float | None:
    number = _number(text)
    return _seconds(text) if number is None else number / 1000


def _seconds(text: str | None) -> float | None:
    """Of a number of seconds, a duration as `1m30.5s`, or a date of HTTP or RFC 3339."""
    number = _number(text)
    if number is not None:
        return number
    duration = _duration(text)
    return _until(text) if duration is None else duration


def _number(text: str | None) -> float | None:
    """Neither `nan` nor `inf` is one; what is too large for a float is infinite."""
    told = (text or "").strip()[:_LONGEST_TIME]
    return float(told) if _NUMBER.fullmatch(told) else None


def _duration(text: str | None) -> float | None:
    told = (text or "").strip()[:_LONGEST_TIME]
    if not _DURATION.fullmatch(told):
        return None
    return sum(float(count) * _UNITS_S[unit.lower()] for count, unit in _PARTS.findall(told))


def _until(text: str | None) -> float | None:
    told = (text or "").strip()[:_LONGEST_TIME]
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(told)
            # A date without a zone is of Greenwich.
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return (moment - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _in_body(body: object) -> Iterator[float | None]:
    for part in _parts(body):
        for name, value in part.items():
            word = re.sub("[_-]", "", name).lower()
            if word in _WORDS_IN_A_BODY and isinstance(value, (str, int, float)):
                in_milliseconds = word.endswith(("ms", "milliseconds"))
                yield (_milliseconds if in_milliseconds else _seconds)(str(value))


def _parts(body: object) -> Iterator[Mapping[str, object]]:
    """Where an error has its own fields: in itself, its details and its metadata."""
    if not isinstance(body, Mapping):
        return
    details = body.get("details")
    listed = details[:_READ_DETAILS] if isinstance(details, list) else [details]
    for part in (body, *listed, body.get("metadata")):
        if isinstance(part, Mapping):
            yield part


def _in_words(reason: str) -> float | None:
    found = _IN_WORDS.search(without_quotes(reason))
    return _duration(found[1]) if found else None


def _until_reset(told: Mapping[str, str]) -> float | None:
    """Until all of what is used up is there again, or where no remainder is told, the first of what may be;
    what is left of another limit is no reason to wait."""
    used_up: list[float] = []
    untold: list[float] = []
    for name, value in told.items():
        wait_s = _reset(value) if "ratelimit" in name and "reset" in name else None
        left = told.get(name.replace("reset", "remaining"))
        if wait_s is not None and left is None:
            untold.append(wait_s)
        elif wait_s is not None and _number(left) == 0:
            used_up.append(wait_s)
    return max(used_up, default=min(untold, default=None))


def _reset(text: str | None) -> float | None:
    """As `_seconds`, and of a Unix time in seconds or milliseconds."""
    number = _number(text)
    if number is None or number < _LEAST_EPOCH_S:
        return _seconds(text)
    moment_s = number / 1000 if number >= _LEAST_EPOCH_MS else number
    return moment_s - datetime.now(UTC).timestamp()
