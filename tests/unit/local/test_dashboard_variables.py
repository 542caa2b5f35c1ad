"""Variables of a dashboard set to a value."""

import pytest

from local.dashboard.problem import BadWidget
from local.dashboard.variables import substituted, variable_of

BY_PROPERTY = {"id": "model", "type": "property", "property": "model"}


def metric(*rows, **properties):
    return {"type": "metric", "properties": {"metrics": list(rows), **properties}}


def rows_with(definition, value, *rows):
    (widget,) = substituted([metric(*rows)], definition, value)
    return widget["properties"]["metrics"]


def test_a_property_variable_sets_the_dimension_also_behind_shorthands():
    rows = rows_with(
        BY_PROPERTY,
        "new",
        ["N", "Cost", "service", "s", "model", "old", {"stat": "Sum"}],
        [".", "Errors", ".", ".", ".", "."],
        ["N", "Cost", "service", "model"],
    )

    assert rows[0] == ["N", "Cost", "service", "s", "model", "new", {"stat": "Sum"}]
    assert rows[1] == ["N", "Errors", "service", "s", "model", "new"]
    assert rows[2] == ["N", "Cost", "service", "model"]


def test_a_property_variable_sets_properties_of_that_name():
    definition = {"id": "r", "type": "property", "property": "region"}

    (widget,) = substituted([metric(["N", "Cost"], region="us-east-1")], definition, "eu-west-1")

    assert widget["properties"]["region"] == "eu-west-1"


def test_a_variable_starts_with_its_default_until_something_is_chosen():
    definition = {**BY_PROPERTY, "defaultValue": "b", "values": [{"value": "a"}, {"value": "b"}]}

    assert variable_of(definition, {})["value"] == "b"
    assert variable_of(definition, {"model": "a"})["value"] == "a"
    assert variable_of(definition, {})["options"][0] == {"value": "a", "label": "a"}


@pytest.mark.parametrize(
    "definition",
    [
        {"id": "p", "type": "pattern", "pattern": "old", "values": [{"value": "a"}]},
        {**BY_PROPERTY, "search": '{N,model} MetricName="Cost"', "populateFrom": "model"},
    ],
)
def test_another_kind_of_variable_is_refused(definition):
    with pytest.raises(BadWidget, match=definition["id"]):
        variable_of(definition, {})
