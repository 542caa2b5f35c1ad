"""Conditions and updates of DynamoDB, in its own words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Expressions:
    """Of one call: gives each attribute and each value its place in them."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def name(self, attribute: str) -> str:
        return self._names.setdefault(attribute, f"#{len(self._names)}")

    def value(self, value: Any) -> str:
        place = f":{len(self._values)}"
        self._values[place] = value
        return place

    def absent(self, attribute: str) -> str:
        return f"attribute_not_exists({self.name(attribute)})"

    def present(self, attribute: str) -> str:
        return f"attribute_exists({self.name(attribute)})"

    def is_(self, attribute: str, comparison: str, value: Any) -> str:
        """`comparison` is one of DynamoDB's: =, <>, <, <=, >, >=."""
        return f"{self.name(attribute)} {comparison} {self.value(value)}"

    def begins_with(self, attribute: str, text: str) -> str:
        return f"begins_with({self.name(attribute)}, {self.value(text)})"

    def between(self, attribute: str, first: Any, last: Any) -> str:
        return f"{self.name(attribute)} BETWEEN {self.value(first)} AND {self.value(last)}"

    def arguments(self, **expressions: str) -> dict[str, Any]:
        """Those of the call, with all that was named; DynamoDB takes no empty one."""
        names = {place: attribute for attribute, place in self._names.items()}
        told = {
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": self._values,
            **expressions,
        }
        return {name: one for name, one in told.items() if one}


def all_of(conditions: Iterable[str]) -> str:
    return " AND ".join(f"({one})" for one in conditions)


def any_of(*conditions: str) -> str:
    return " OR ".join(f"({one})" for one in conditions)
