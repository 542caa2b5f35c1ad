import json
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.storage.expressions import Expressions, all_of, any_of
from functions.shared.storage.typed_values import typed, typed_item, untyped, untyped_item

NUMBERS = st.integers(-(10**30), 10**30)
SETS = st.one_of(st.sets(NUMBERS, min_size=1), st.sets(st.text(), min_size=1))
VALUES = st.recursive(
    st.one_of(st.text(), st.booleans(), st.none(), st.binary(), NUMBERS, SETS),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_values_are_typed_as_boto3_types_them_and_come_back(value):
    told: Any = typed(value)
    assert TypeDeserializer().deserialize(told) == TypeDeserializer().deserialize(
        TypeSerializer().serialize(value)
    )
    assert untyped(told) == value


@pytest.mark.parametrize("number", [0.1, -2.5e-7, 1e22, 0.30000000000000004])
def test_a_float_is_the_number_that_json_would_write(number):
    told = typed(number)
    assert told == {"N": json.dumps(number)}
    assert float(untyped(told)) == number


def test_whole_numbers_are_no_decimals_and_others_are():
    item = untyped_item({"whole": {"N": "12"}, "part": {"N": "1.5"}})
    assert item == {"whole": 12, "part": Decimal("1.5")}
    assert type(item["whole"]) is int


@pytest.mark.parametrize("value", [object(), set(), {1, "a"}, {(1, 2)}])
def test_what_dynamodb_has_no_type_for_is_refused(value):
    with pytest.raises(TypeError, match="no type"):
        typed_item({"of": value})


def test_an_attribute_has_one_place_and_each_value_its_own():
    at = Expressions()
    condition = all_of((any_of(at.absent("a#b"), at.is_("a#b", "<=", 3)), at.present("c")))
    assert at.arguments(ConditionExpression=condition, FilterExpression="") == {
        "ConditionExpression": "((attribute_not_exists(#0)) OR (#0 <= :0)) AND (attribute_exists(#1))",
        "ExpressionAttributeNames": {"#0": "a#b", "#1": "c"},
        "ExpressionAttributeValues": {":0": 3},
    }
