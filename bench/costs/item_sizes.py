"""The size of an attribute as DynamoDB has it in a call.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from bench.capacity_units import item_bytes


def attribute_bytes(name: str, value: Mapping[str, Any]) -> int:
    """Of its name and of its typed value, as `{"S": "text"}`."""
    return len(name.encode()) + _value_bytes(value)


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, held),) = value.items()
    return _BYTES.get(kind, _flag_bytes)(held)


def _number_bytes(text: str) -> int:
    return item_bytes({"": Decimal(text)})


def _list_bytes(held: list[Mapping[str, Any]]) -> int:
    return 3 + sum(1 + _value_bytes(one) for one in held)


def _map_bytes(held: Mapping[str, Mapping[str, Any]]) -> int:
    return 3 + sum(1 + attribute_bytes(*one) for one in held.items())


def _flag_bytes(_held: object) -> int:
    """Of true, false and null."""
    return 1


_BYTES: Mapping[str, Callable[[Any], int]] = {
    "S": lambda text: len(text.encode()),
    "N": _number_bytes,
    "B": lambda text: len(b64decode(text)),
    "NS": lambda numbers: sum(map(_number_bytes, numbers)),
    "L": _list_bytes,
    "M": _map_bytes,
}
