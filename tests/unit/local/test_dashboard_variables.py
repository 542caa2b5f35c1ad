"""Variables of a dashboard set to a value."""

import pytest
from ministack.services import cloudwatch

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


def test_a_property_variable_sets_what_a_search_looks_for():
    search = "SEARCH('{N,service,model} model=\"old\" submodel=\"old\"', 'Sum')"

    ((option,),) = rows_with(BY_PROPERTY, "new", [{"expression": search}])

    assert option["expression"] == search.replace(' model="old"', ' model="new"')


def test_a_property_variable_sets_properties_of_that_name():
    definition = {"id": "r", "type": "property", "property": "region"}

    (widget,) = substituted([metric(["N", "Cost"], region="us-east-1")], definition, "eu-west-1")

    assert widget["properties"]["region"] == "eu-west-1"


def test_a_pattern_variable_replaces_its_pattern_everywhere():
    definition = {"id": "p", "type": "pattern", "pattern": "o(l+)d"}
    widgets = [metric(["N", "Cost", "model", "olld"], title="Cost of olld")]

    (widget,) = substituted(widgets, definition, 'a "quoted" \\1')

    assert widget["properties"]["title"] == 'Cost of a "quoted" \\1'
    assert widget["properties"]["metrics"] == [["N", "Cost", "model", 'a "quoted" \\1']]


def test_a_pattern_that_cannot_be_read_is_refused():
    with pytest.raises(BadWidget, match="pattern"):
        substituted([metric(["N", "Cost"])], {"id": "p", "type": "pattern", "pattern": "("}, "x")


def test_a_variable_starts_with_its_default_until_something_is_chosen():
    definition = {**BY_PROPERTY, "defaultValue": "b", "values": [{"value": "a"}, {"value": "b"}]}

    assert variable_of(definition, {})["value"] == "b"
    assert variable_of(definition, {"model": "a"})["value"] == "a"
    assert variable_of(definition, {})["options"][0] == {"value": "a", "label": "a"}


def test_a_search_offers_the_values_of_its_dimension(monkeypatch):
    stored = {
        ("N", name, key): [{"Dimensions": {dimension: key}}]
        for name, dimension, key in (
            *(("Cost", "model", "b"), ("Cost", "model", "a")),
            *(("Other", "model", "c"), ("Cost", "task", "d")),
        )
    }
    monkeypatch.setattr(cloudwatch, "_metrics", stored)
    definition = {
        **BY_PROPERTY,
        "search": '{N,model} MetricName="Cost"',
        "populateFrom": "model",
        "defaultValue": "__FIRST",
    }

    variable = variable_of(definition, {})

    assert [one["value"] for one in variable["options"]] == ["a", "b"]
    assert variable["value"] == "a"
