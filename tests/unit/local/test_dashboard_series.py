import time

import pytest
from ministack.services import cloudwatch

from local.dashboard.metric_queries import Range, plotted
from local.dashboard.problem import BadWidget
from local.dashboard.widget_data import DataRequest, data_of
from local.emulator import metrics

HOUR_S = 3600
NOW = int(time.time())


@pytest.fixture(autouse=True)
def store(monkeypatch):
    cloudwatch.reset()
    monkeypatch.setattr(cloudwatch, "_metric_bucket", metrics._points_of)
    yield
    cloudwatch.reset()


def put(value, seconds_ago, name="X", unit="None", **dimensions):
    at = NOW - seconds_ago
    cloudwatch._store_datum("N", name, dimensions, at, unit, value, None, None, None)


def shown(*rows, hours=1, override="auto", **properties):
    widget = {"type": "metric", "properties": {"metrics": list(rows), **properties}}
    asked = {"widget": widget, "start": (NOW - hours * HOUR_S) * 1000, "end": NOW * 1000}
    return data_of(DataRequest.model_validate({**asked, "period": override}))["series"]


def query_of(*row, hours=1, adapts=True, **properties):
    within = Range(NOW - hours * HOUR_S, NOW)
    (one,) = plotted({"metrics": [list(row)], **properties}, within, adapts=adapts)
    return one.query


def test_a_short_range_does_not_shorten_the_sum_of_an_hour():
    assert query_of("N", "X", hours=1, period=HOUR_S)["MetricStat"]["Period"] == HOUR_S
    assert query_of({"expression": "SUM(METRICS())"}, period=HOUR_S)["Period"] == HOUR_S


@pytest.mark.parametrize("hours", [1, 3, 24, 20 * 24, 100 * 24])
def test_a_period_of_the_whole_range_is_one_value_of_all_that_happened(hours):
    for seconds_ago in (1, 30, 59, 61, 200, hours * HOUR_S - 61):
        put(1, seconds_ago)
    (total,) = shown(["N", "X", {"stat": "Sum"}], hours=hours, setPeriodToTimeRange=True)
    assert total["values"] == [6]


def test_a_rate_over_the_whole_range_is_of_its_length():
    put(3, 60)
    rows = [{"expression": "usd * 3600 / PERIOD(usd)"}], ["N", "X", {"id": "usd", "stat": "Sum"}]
    per_hour, total = shown(*rows, hours=3, setPeriodToTimeRange=True)
    assert total["values"] == [3]
    assert per_hour["values"] == [pytest.approx(1, rel=0.01)]


def test_hidden_metrics_feed_expressions_and_are_not_drawn():
    put(4, 90, name="All")
    put(1, 90, name="Good")
    hidden = {"visible": False, "stat": "Sum"}
    (rate,) = shown(
        [{"expression": "100 * good / all", "label": "Rate", "color": "#0072B2"}],
        ["N", "All", {**hidden, "id": "all"}],
        [".", "Good", {**hidden, "id": "good"}],
    )
    assert (rate["label"], rate["color"], rate["values"]) == ("Rate", "#0072B2", [25])


def test_a_search_is_one_series_per_metric_in_the_widgets_period():
    for model, count in (("a", 1), ("b", 2)):
        for _ in range(count):
            put(10, 90, service="s", model=model)
    expression = """SEARCH('{N,service,model} service="s" MetricName="X"', 'SampleCount')"""
    row = [{"expression": expression, "label": "${PROP('Dim.model')}", "yAxis": "right"}]
    series = shown(row, hours=3, period=HOUR_S)
    assert [(one["label"], one["values"]) for one in series] == [("a", [1]), ("b", [2])]
    assert {one["y_axis"] for one in series} == {"right"}


def test_a_series_has_its_unit_and_its_times_in_milliseconds():
    put(5, 90, unit="Milliseconds")
    put(7, 30, unit="Milliseconds")
    slow, calls, nothing = shown(
        ["N", "X", {"stat": "Maximum"}], ["...", {"stat": "SampleCount"}], [".", "Nothing"]
    )
    assert (slow["unit"], calls["unit"], nothing["unit"]) == ("Milliseconds", None, None)
    assert slow["times"] == sorted(slow["times"])
    assert all(NOW - HOUR_S <= at / 1000 < NOW for at in slow["times"])
    assert nothing["values"] == nothing["times"] == []


def test_an_expression_that_fails_says_why_beside_what_does_not():
    put(1, 90)
    good, bad = shown(["N", "X", {"stat": "Sum"}], [{"expression": "NO_SUCH(m1)"}])
    assert (good["values"], good["problem"]) == ([1], None)
    assert (bad["values"], bad["problem"]) == ([], "Unsupported function NO_SUCH")


def test_a_dashboard_that_keeps_periods_splits_a_day_by_the_widgets():
    put(1, 90)
    put(1, 3 * 60)
    (series,) = shown(["N", "X", {"stat": "Sum"}], hours=24, period=60, override="inherit")
    assert series["values"] == [1, 1]


def test_an_id_stands_for_one_row_only():
    with pytest.raises(BadWidget, match="same id"):
        shown(["N", "X", {"id": "m"}], ["N", "Y", {"id": "m"}])
