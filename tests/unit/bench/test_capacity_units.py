"""By the rules of DynamoDB's developer guide."""

from decimal import Decimal

import pytest

from bench.capacity_units import (
    attempts_a_second,
    item_bytes,
    read_units,
    typed_item_bytes,
    write_units,
)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("", 0),
        ("abc", 3),
        ("größer", 8),
        (0, 1),
        (7, 2),
        (12, 2),
        (123, 3),
        (12_345_678_901, 7),
        (1_000_000, 2),
        (-45, 2),
        (Decimal("12.50"), 3),
        (Decimal("0.001"), 2),
        (int("9" * 38), 20),
    ],
)
def test_an_attribute_has_the_bytes_of_its_name_and_of_its_value(value, size):
    assert item_bytes({"n": value}) == 1 + size
    assert item_bytes({"größe": value}) == 7 + size


def test_an_item_has_the_bytes_of_all_its_attributes():
    assert item_bytes({}) == 0
    assert item_bytes({"budget_id": "stage", "total": 15, "open": "1"}) == 14 + 7 + 5


@pytest.mark.parametrize(
    ("size", "writes", "reads"),
    [(0, 1, 1), (1_024, 1, 1), (1_025, 2, 1), (4_096, 4, 1), (4_097, 5, 2), (12_288, 12, 3)],
)
def test_units_are_counted_in_whole_ones(size, writes, reads):
    assert (write_units(size), read_units(size)) == (writes, reads)


def test_a_small_item_takes_two_writes_of_a_unit_for_each_attempt():
    assert attempts_a_second(lambda _: 1_024, call_s=3) == 500


def test_what_is_open_at_once_makes_each_write_dearer():
    # 40 a second keep 120 open: 80 writes of 12 units; 41 keep 123, and 82 writes of 13 are too many.
    assert attempts_a_second(lambda held: 100 * held, call_s=3) == 40
    # 12 keep 360 open: 24 writes of 36 units; 13 keep 390, and 26 writes of 39 are too many.
    assert attempts_a_second(lambda held: 100 * held, call_s=30) == 12


def test_an_item_too_large_for_a_single_attempt_takes_none():
    assert attempts_a_second(lambda _: 501 * 1_024, call_s=1) == 0


@pytest.mark.parametrize(
    ("typed", "size"),
    [
        ({"S": "größer"}, 8),
        ({"N": "12345678901"}, 7),
        ({"B": b"1234"}, 4),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["a", "bc"]}, 3),
        ({"L": []}, 3),
        ({"L": [{"S": "abc"}, {"BOOL": False}]}, 9),
        ({"M": {"k": {"S": "abc"}}}, 8),
    ],
)
def test_an_attribute_with_its_type_has_the_same_bytes_and_a_nested_one_its_own_besides(
    typed, size
):
    assert typed_item_bytes({"n": typed}) == 1 + size
