"""A metric widget's rows, the queries that they become, and variables set to a value."""

import pytest

from local.dashboard.metric_queries import Range, plotted
from local.dashboard.metric_rows import rows_of
from local.dashboard.problem import BadWidget
from local.dashboard.variables import substituted, variable_of

HOUR_S = 3600
NOON_S = 1_764_072_000
CPU = ["AWS/EC2", "CPUUtilization", "InstanceId", "i-1"]
BY_PROPERTY = {"id": "model", "type": "property", "property": "model"}


def queries(properties, range_s=HOUR_S, *, adapts=False):
    within = Range(NOON_S, NOON_S + range_s)
    return [one.query for one in plotted(properties, within, adapts=adapts)]


@pytest.mark.parametrize(
    ("rows", "texts"),
    [
        ([["...", "i-2"]], [*CPU[:3], "i-2"]),
        ([["...", "i-2"], ["...", {"stat": "p99"}]], [*CPU[:3], "i-2"]),
        ([[".", "NetworkIn", ".", "."]], ["AWS/EC2", "NetworkIn", *CPU[2:]]),
        ([[{"expression": "m1 * 2"}]], []),
        ([[{"expression": "m1 * 2"}], ["...", "i-3"]], [*CPU[:3], "i-3"]),
    ],
    ids=str,
)
def test_dots_stand_for_what_the_last_metric_before_has(rows, texts):
    assert rows_of([CPU, *rows])[-1].texts == tuple(texts)


@pytest.mark.parametrize(
    "metrics",
    [
        *(None, [[]], ["AWS/EC2"], [[{"label": "neither"}]], [["...", "i-2"]], [[".", "."]]),
        *([["AWS/EC2", "CPUUtilization", "InstanceId"]], [["AWS/EC2", 5]]),
    ],
    ids=str,
)
def test_rows_that_mean_nothing_are_refused(metrics):
    with pytest.raises(BadWidget):
        rows_of(metrics)


def test_a_row_becomes_a_query_with_the_options_before_the_widgets_own():
    properties = {
        "metrics": [[*CPU, {"id": "m1", "label": "CPU", "stat": "p95", "visible": False}], ["..."]],
        "stat": "Maximum",
        "period": 120,
    }
    first, second = queries(properties)
    dimensions = [{"Name": "InstanceId", "Value": "i-1"}]
    cpu = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Dimensions": dimensions}
    stat = {"Metric": cpu, "Period": 120, "Stat": "p95"}
    assert first == {"Id": "m1", "Label": "CPU", "ReturnData": False, "MetricStat": stat}
    assert second["MetricStat"]["Stat"] == "Maximum"
    assert second["ReturnData"] is True


@pytest.mark.parametrize(
    ("range_s", "period_s"),
    [
        *((300, 60), (3 * HOUR_S, 60), (12 * HOUR_S, 300), (24 * HOUR_S, 300)),
        *((7 * 24 * HOUR_S, 3600), (90 * 24 * HOUR_S, 24 * HOUR_S)),
    ],
)
def test_a_period_that_adapts_grows_with_the_range(range_s, period_s):
    (query,) = queries({"metrics": [CPU], "period": 1}, range_s, adapts=True)
    assert query["MetricStat"]["Period"] == period_s


def test_a_period_that_is_no_number_is_refused():
    with pytest.raises(BadWidget, match="period"):
        queries({"metrics": [CPU], "period": "often"})


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
