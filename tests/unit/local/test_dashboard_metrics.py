"""A metric widget's rows, and the queries that they become."""

import pytest

from local.dashboard.metric_queries import Range, plotted
from local.dashboard.metric_rows import rows_of
from local.dashboard.problem import BadWidget

HOUR_S = 3600
NOON_S = 1_764_072_000
CPU = ["AWS/EC2", "CPUUtilization", "InstanceId", "i-1"]


def queries(properties, range_s=HOUR_S, *, adapts=False):
    within = Range(NOON_S, NOON_S + range_s)
    return [one.query for one in plotted(properties, within, adapts=adapts)]


def test_three_dots_stand_for_all_that_the_row_before_has_and_this_one_has_not():
    rows = rows_of([CPU, ["...", "i-2"], ["...", {"stat": "p99"}]])

    assert rows[1].texts == ("AWS/EC2", "CPUUtilization", "InstanceId", "i-2")
    assert rows[2].texts == rows[1].texts
    assert rows[2].options == {"stat": "p99"}


def test_one_dot_stands_for_the_same_place_of_the_row_before():
    rows = rows_of([CPU, [".", "NetworkIn", ".", "."]])

    assert rows[1].texts == ("AWS/EC2", "NetworkIn", "InstanceId", "i-1")


def test_shorthands_repeat_the_metric_before_an_expression():
    rows = rows_of([CPU, [{"expression": "m1 * 2"}], ["...", "i-3"]])

    assert rows[1].texts == ()
    assert rows[2].texts[-1] == "i-3"


@pytest.mark.parametrize(
    "metrics",
    [
        None,
        [[]],
        ["AWS/EC2"],
        [[{"label": "neither"}]],
        [["...", "i-2"]],
        [[".", "."]],
        [["AWS/EC2", "CPUUtilization", "InstanceId"]],
        [["AWS/EC2", 5]],
    ],
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

    assert first == {
        "Id": "m1",
        "Label": "CPU",
        "ReturnData": False,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/EC2",
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
            },
            "Period": 120,
            "Stat": "p95",
        },
    }
    assert second["MetricStat"]["Stat"] == "Maximum"
    assert second["ReturnData"] is True


def test_an_expression_keeps_its_text_and_its_axis():
    row = [{"expression": "SEARCH('{A,b}', 'Sum')", "yAxis": "right", "color": "#ff0000"}]

    (drawn,) = plotted({"metrics": [row]}, Range(0, HOUR_S), adapts=False)

    assert drawn.query["Expression"] == "SEARCH('{A,b}', 'Sum')"
    assert (drawn.y_axis, drawn.color) == ("right", "#ff0000")


@pytest.mark.parametrize(
    ("range_s", "period_s"),
    [
        (300, 60),
        (3 * HOUR_S, 60),
        (12 * HOUR_S, 300),
        (24 * HOUR_S, 300),
        (7 * 24 * HOUR_S, 3600),
        (90 * 24 * HOUR_S, 24 * HOUR_S),
    ],
)
def test_a_period_that_adapts_grows_with_the_range(range_s, period_s):
    (query,) = queries({"metrics": [CPU], "period": 1}, range_s, adapts=True)

    assert query["MetricStat"]["Period"] == period_s


def test_a_period_set_to_the_range_holds_all_of_it_in_one():
    within = Range(NOON_S + 31.5, NOON_S + HOUR_S + 31.5)

    (drawn,) = plotted({"metrics": [CPU], "setPeriodToTimeRange": True}, within, adapts=True)

    period_s = drawn.query["MetricStat"]["Period"]
    assert NOON_S + period_s >= within.end_s
    assert period_s == HOUR_S + 60


def test_a_period_that_is_no_number_is_refused():
    with pytest.raises(BadWidget, match="period"):
        queries({"metrics": [CPU], "period": "often"})
