"""Rules between the fields of a form, in JSON Schema's words: what its validators say, for those who read the
document. Null is as good as left out."""

from __future__ import annotations

from pydantic.config import JsonDict

_SAID: JsonDict = {"not": {"type": "null"}}
_UNSAID: JsonDict = {"type": "null"}


def all_of(*rules: JsonDict) -> JsonDict:
    return {"allOf": [*rules]}


def exactly_one_of(first: str, second: str) -> JsonDict:
    return {"oneOf": [_only(first, second), _only(second, first)]}


def not_both(first: str, second: str) -> JsonDict:
    return {"anyOf": [{"properties": {name: _UNSAID}} for name in (first, second)]}


def needs(name: str, other: str) -> JsonDict:
    """Where the one is said, the other is, too."""
    return {"anyOf": [{"properties": {name: _UNSAID}}, _said(other)]}


def _said(name: str) -> JsonDict:
    return {"required": [name], "properties": {name: _SAID}}


def _only(name: str, other: str) -> JsonDict:
    return {"required": [name], "properties": {name: _SAID, other: _UNSAID}}
