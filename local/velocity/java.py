"""The Java methods that a template may call on its values, and Java's idea of text and truth."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Method = Callable[..., Any]

_JAVA_GROUP = re.compile(r"\\(.)|\$(\d)")


def text_of(value: object) -> str:
    """What `String.valueOf` writes: maps and lists in Java's notation, not in JSON's."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={text_of(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(text_of(item) for item in value) + "]"
    return str(value)


def is_true(value: object) -> bool:
    """Velocity 1.7: only null and false are false; an empty string is true."""
    return value is not None and value is not False


def equal(left: object, right: object) -> bool:
    """Velocity 1.7: values of different types are equal when their texts are."""
    if left is None or right is None:
        return left is right
    if type(left) is type(right) or (_is_number(left) and _is_number(right)):
        return left == right
    return text_of(left) == text_of(right)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _replace(pattern: str, replacement: str, text: str, count: int) -> str:
    def expand(found: re.Match[str]) -> str:
        def literal_or_group(part: re.Match[str]) -> str:
            return part[1] if part[1] else found[int(part[2])] or ""

        return _JAVA_GROUP.sub(literal_or_group, replacement)

    return re.sub(pattern, expand, text, count=count)


def _put(mapping: dict[str, Any], key: str, value: object) -> object:
    previous = mapping.get(key)
    mapping[key] = value
    return previous


_ANY: dict[str, Method] = {"toString": text_of, "equals": lambda self, other: self == other}

_METHODS: dict[type, dict[str, Method]] = {
    str: {
        "length": len,
        "isEmpty": lambda self: not self,
        "contains": lambda self, part: part in self,
        "startsWith": lambda self, prefix: self.startswith(prefix),
        "endsWith": lambda self, suffix: self.endswith(suffix),
        "indexOf": lambda self, part: self.find(part),
        "substring": lambda self, start, end=None: self[start:end],
        "toLowerCase": str.lower,
        "toUpperCase": str.upper,
        "trim": str.strip,
        "concat": lambda self, other: self + other,
        "equalsIgnoreCase": lambda self, other: self.lower() == other.lower(),
        "matches": lambda self, pattern: re.fullmatch(pattern, self) is not None,
        "replace": lambda self, old, new: self.replace(old, new),
        "replaceAll": lambda self, pattern, new: _replace(pattern, new, self, 0),
        "replaceFirst": lambda self, pattern, new: _replace(pattern, new, self, 1),
        "split": lambda self, pattern: re.split(pattern, self),
    },
    list: {
        "size": len,
        "isEmpty": lambda self: not self,
        "get": lambda self, index: self[index],
        "contains": lambda self, item: item in self,
        "add": lambda self, item: self.append(item) is None,
    },
    dict: {
        "size": len,
        "isEmpty": lambda self: not self,
        "get": lambda self, key: self.get(key),
        "containsKey": lambda self, key: key in self,
        "keySet": list,
        "values": lambda self: list(self.values()),
        "put": _put,
    },
}


def method_of(value: object, name: str) -> Method | None:
    """The Java method `name` of a value, or None. Python's own methods stay out of reach:
    a template that used one would work here and fail on AWS."""
    return _METHODS.get(type(value), {}).get(name) or _ANY.get(name)
