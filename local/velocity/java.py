"""The Java methods that our templates call on their values, and Java's idea of truth."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any


def _replace_all(text: str, pattern: str, new: str) -> str:
    if "\\" in new or "$" in new:
        raise NotImplementedError(f"a replacement with a group or an escape: {new}")
    return re.sub(pattern, new, text)


METHODS: dict[type, dict[str, Callable[..., Any]]] = {
    str: {
        "contains": lambda self, part: part in self,
        "startsWith": lambda self, prefix: self.startswith(prefix),
        "matches": lambda self, pattern: re.fullmatch(pattern, self) is not None,
        "replaceAll": _replace_all,
    },
    dict: {
        "get": lambda self, key: self.get(key),
        "keySet": list,
    },
}
"""By the type that Python has for Java's. Python's own methods stay out of reach: a template that
called one would work here and fail on AWS."""


def is_true(value: object) -> bool:
    """Velocity 1.7: only null and false are false; an empty text is true."""
    return value is not None and value is not False
