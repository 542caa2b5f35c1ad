"""A short text that a regular expression of a JSON Schema matches, made without running it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any

# What `re` itself compiles from: it has no other way to look into an expression.
ops: Any = import_module("re._constants")
parser: Any = import_module("re._parser")

MAX_LENGTH = 10_000

_OF_CATEGORY = {
    ops.CATEGORY_DIGIT: "0",
    ops.CATEGORY_SPACE: " ",
    ops.CATEGORY_WORD: "a",
    ops.CATEGORY_NOT_DIGIT: "a",
    ops.CATEGORY_NOT_SPACE: "a",
    ops.CATEGORY_NOT_WORD: "-",
}
_USUAL = "aA0 -_.,:/@"


def matching(pattern: str, repeats: int) -> str:
    """Whatever may repeat does so `repeats` times more than it must, as far as it may. What looks ahead or
    behind is not heeded. Raises `ValueError` where Python knows no such expression."""
    try:
        return _Maker(repeats).text_of(_parsed(pattern))
    except (re.error, OverflowError, RecursionError):
        raise ValueError("no expression that Python knows") from None


@lru_cache(maxsize=8)
def _parsed(pattern: str) -> list[tuple[Any, Any]]:
    return list(parser.parse(pattern))


class _Maker:
    def __init__(self, repeats: int) -> None:
        self._repeats = repeats
        self._groups: dict[int, str] = {}

    def text_of(self, parts: Iterable[tuple[Any, Any]]) -> str:
        text = ""
        for kind, value in parts:
            text += self._part(kind, value)
            if len(text) > MAX_LENGTH:
                raise ValueError("far too long")
        return text

    def _part(self, kind: Any, value: Any) -> str:
        text = ""
        match kind:
            case ops.LITERAL:
                text = chr(value)
            case ops.ANY:
                text = "a"
            case ops.NOT_LITERAL:
                text = next(sign for sign in _USUAL if ord(sign) != value)
            case ops.IN:
                text = _one_of(value)
            case ops.BRANCH:
                text = self.text_of(value[1][0])
            case ops.SUBPATTERN:
                text = self._groups[value[0]] = self.text_of(value[-1])
            case ops.GROUPREF:
                text = self._groups.get(value, "")
            case ops.MAX_REPEAT | ops.MIN_REPEAT | ops.POSSESSIVE_REPEAT:
                text = self._repeated(*value)
            case ops.ATOMIC_GROUP:
                text = self.text_of(value)
        return text

    def _repeated(self, least: int, most: int, parts: Any) -> str:
        times = min(int(most), least + self._repeats, MAX_LENGTH + 1)
        once = self.text_of(parts) if times else ""
        if len(once) * times > MAX_LENGTH:
            raise ValueError("far too long")
        return once * times


def _one_of(items: list[tuple[Any, Any]]) -> str:
    first, *_ = items
    if first[0] is ops.NEGATE:
        refused = re.compile(_class_of(items[1:]))
        return next((sign for sign in _USUAL if not refused.match(sign)), "é")
    kind, value = first
    if kind is ops.CATEGORY:
        return _OF_CATEGORY.get(value, "a")
    return chr(value if kind is ops.LITERAL else value[0])


_CATEGORY_CODES = {
    ops.CATEGORY_DIGIT: r"\d",
    ops.CATEGORY_SPACE: r"\s",
    ops.CATEGORY_WORD: r"\w",
    ops.CATEGORY_NOT_DIGIT: r"\D",
    ops.CATEGORY_NOT_SPACE: r"\S",
    ops.CATEGORY_NOT_WORD: r"\W",
}


def _class_of(items: list[tuple[Any, Any]]) -> str:
    parts = []
    for kind, value in items:
        if kind is ops.CATEGORY:
            parts.append(_CATEGORY_CODES.get(value, ""))
        elif kind is ops.LITERAL:
            parts.append(re.escape(chr(value)))
        else:
            parts.append(f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}")
    return f"[{''.join(parts)}]"
