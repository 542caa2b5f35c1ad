"""What DynamoDB takes for an item, and how many writes of one a second.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

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
