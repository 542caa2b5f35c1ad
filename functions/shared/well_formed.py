"""Halves of surrogate pairs, which JSON may hold and UTF-8 may not: each is read as U+FFFD."""

from __future__ import annotations

import re
from typing import Any

_INSTEAD = "\N{REPLACEMENT CHARACTER}"

_HIGH, _LOW = "u[dD][89abAB][0-9a-fA-F]{2}", "u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPED = re.compile(rf"(?<!\\)(\\++)(?:({_HIGH})(\\{_LOW})?|{_LOW})")
"""With all the backslashes that stand in front: of an even number the last is escaped itself."""


def well_formed_text(text: str) -> str:
    """Two halves that have found each other, as at the seam of two texts, are a pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def well_formed_json(text: str) -> str:
    """JSON whose reader meets no half of a pair either, also none that is written as an escape."""
    mended = well_formed_text(text)
    return _ESCAPED.sub(_mended, mended) if "\\u" in mended else mended


def _mended(found: re.Match[str]) -> str:
    slashes, high, low = found.groups()
    if len(slashes) % 2:
        return found[0] if low else slashes[:-1] + _INSTEAD
    return f"{slashes}{high}{_INSTEAD}" if low else found[0]


def well_formed(value: Any) -> Any:
    """The same of every text and name in a value. Raises `RecursionError`."""
    if isinstance(value, str):
        return well_formed_text(value)
    if isinstance(value, list):
        return [well_formed(one) for one in value]
    if isinstance(value, dict):
        return {well_formed(name): well_formed(one) for name, one in value.items()}
    return value
