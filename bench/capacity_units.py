"""What DynamoDB takes for an item, and how many writes of one a second.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

_WRITTEN_BYTES, _READ_BYTES = 1_024, 4_096
"""Of one unit."""
PARTITION_WRITE_UNITS = 1_000
"""A second, of one partition and so of one item:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"""


def item_bytes(item: Mapping[str, str | int | Decimal]) -> int:
    """Of texts and numbers, which are all that budgets and kept calls have."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: str | int | Decimal) -> int:
    """A number takes a byte for each two of its digits without the zeros at both ends, and one more; what the
    sign takes is not said."""
    if isinstance(value, str):
        return len(value.encode())
    digits = "".join(map(str, Decimal(value).as_tuple().digits)).strip("0")
    return -(-len(digits) // 2) + 1


def write_units(size_bytes: int) -> int:
    """An update takes them for the larger of the item before and behind it, whatever it changes."""
    return max(1, -(-size_bytes // _WRITTEN_BYTES))


def read_units(size_bytes: int) -> int:
    """Of a consistent read; of an item that there is not it takes one."""
    return max(1, -(-size_bytes // _READ_BYTES))


def attempts_a_second(bytes_of: Callable[[int], int], call_s: int) -> int:
    """The most that one item takes, steadily, each with a write before and one behind its call; `bytes_of` the
    open holds, of which every attempt is one for `call_s` seconds."""
    attempts = 0
    while _units_a_second(attempts + 1, bytes_of, call_s) <= PARTITION_WRITE_UNITS:
        attempts += 1
    return attempts


def _units_a_second(attempts: int, bytes_of: Callable[[int], int], call_s: int) -> int:
    return attempts * 2 * write_units(bytes_of(attempts * call_s))


def typed_item_bytes(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Of an item as DynamoDB's own interface has it, every value under the name of its type."""
    return sum(attribute_bytes(name, value) for name, value in item.items())


def attribute_bytes(name: str, typed: Mapping[str, Any]) -> int:
    """Of its name and of its typed value."""
    return len(name.encode()) + _typed_bytes(typed)


def _typed_bytes(typed: Mapping[str, Any]) -> int:
    """A list or a map takes three bytes, and one more for each of what is in it."""
    ((kind, value),) = typed.items()
    if kind == "N":
        return _value_bytes(Decimal(value))
    if kind in {"BOOL", "NULL"}:
        return 1
    if kind == "L":
        return 3 + sum(1 + _typed_bytes(one) for one in value)
    if kind == "M":
        return 3 + sum(1 + attribute_bytes(name, one) for name, one in value.items())
    if kind in {"SS", "BS", "NS"}:
        return sum(_typed_bytes({kind[0]: one}) for one in value)
    if isinstance(value, str):
        # As a call has it; a client has told bytes already.
        value = b64decode(value) if kind == "B" else value.encode()
    return len(value)
