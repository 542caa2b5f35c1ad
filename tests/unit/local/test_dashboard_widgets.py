import json
import time
from typing import Any

import pytest
from ministack.services import cloudwatch, lambda_svc
from ministack.services import cloudwatch_logs as logs

from local.dashboard.metric_queries import Range, plotted
from local.dashboard.problem import BadWidget
from local.dashboard.widget_data import Shown, data_of
from local.emulator import metrics

HOUR_S = 3600
NOW = int(time.time())
LOGGED: dict[str, list[dict[str, Any]]] = {
    "dashboard-a": [{"n": 1}, {"n": 2, "task": "chat"}],
    "dashboard-b": [{"n": 3}],
}


@pytest.fixture(autouse=True)
def store(monkeypatch):
    cloudwatch.reset()
    monkeypatch.setattr(cloudwatch, "_metric_bucket", metrics._points_of)
    yield
    cloudwatch.reset()


def put(value, seconds_ago, name="X", unit="None", **dimensions):
    at = NOW - seconds_ago
    cloudwatch._store_datum("N", name, dimensions, at, unit, value, None, None, None)


def data(kind, properties, hours=1, *, adapts=True):
    within = Range(NOW - hours * HOUR_S, NOW)
    return data_of(Shown(kind, properties, within, adapts=adapts, dashboard="ours"))


def shown(*rows, hours=1, adapts=True, **properties):
    return data("metric", {"metrics": list(rows), **properties}, hours, adapts=adapts)["series"]


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
    assert {one["period_ms"] for one in series} == {HOUR_S * 1000}


def test_a_series_has_its_unit_and_its_times_in_milliseconds():
    put(5, 90, unit="Milliseconds")
    put(7, 30, unit="Milliseconds")
    slow, calls, nothing, math = shown(
        *(["N", "X", {"stat": "Maximum", "id": "m"}], ["...", {"stat": "SampleCount"}]),
        *([".", "Nothing"], [{"expression": "m / 1000"}]),
    )
    assert (slow["unit"], calls["unit"], nothing["unit"]) == ("Milliseconds", None, None)
    assert (math["values"], math["unit"]) == ([0.005, 0.007], None)
    assert slow["times"] == sorted(slow["times"])
    assert {one["period_ms"] for one in (slow, calls, nothing, math)} == {60_000}
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
    (series,) = shown(["N", "X", {"stat": "Sum"}], hours=24, period=60, adapts=False)
    assert series["values"] == [1, 1]


def test_an_id_stands_for_one_row_only():
    with pytest.raises(BadWidget, match="same id"):
        shown(["N", "X", {"id": "m"}], ["N", "Y", {"id": "m"}])


@pytest.fixture
def log_groups():
    for group, events in LOGGED.items():
        where = {"logGroupName": group, "logStreamName": "s"}
        logs._create_log_group({"logGroupName": group})
        logs._create_log_stream(where)
        told = [((NOW - 60 + event["n"]) * 1000, json.dumps(event)) for event in events]
        told.append(((NOW - 2 * HOUR_S) * 1000, '{"n": 0}'))
        stored = [{"timestamp": at, "message": message} for at, message in told]
        logs._put_log_events({**where, "logEvents": stored})
    yield
    for group in LOGGED:
        logs._delete_log_group({"logGroupName": group})


def rows(query):
    found = data("log", {"query": query})
    return found["columns"], found["rows"]


def test_a_log_widget_asks_all_of_its_sources(log_groups):
    sources = " | ".join(f"SOURCE '{group}'" for group in LOGGED)
    assert rows(f"{sources} | fields n | sort n desc") == (["n"], [["3"], ["2"], ["1"]])
    assert rows("SOURCE 'dashboard-b' | fields n\n| filter ispresent(n)") == (["n"], [["3"]])


def test_columns_are_in_the_querys_order_though_a_row_lacks_one(log_groups):
    columns, found = rows("SOURCE 'dashboard-a' | fields @timestamp, task, n | sort n asc")
    assert columns == ["@timestamp", "task", "n"]
    assert [row[1:] for row in found] == [["", "1"], ["chat", "2"]]


def test_a_log_widget_may_find_nothing(log_groups):
    assert rows("SOURCE 'dashboard-a' | fields n | filter task = \"x\"") == ([], [])
    assert rows("SOURCE 'no-such-group' | fields n") == ([], [])


@pytest.mark.parametrize("query", ["", "fields n", "SOURCE 'dashboard-a' | parse @message"])
def test_a_query_that_cannot_be_read_is_said(query):
    with pytest.raises(BadWidget, match=r"parse|names no log group"):
        rows(query)


def test_an_alarm_widget_gets_states_and_says_what_is_missing():
    arn = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:spend"
    state = {"StateValue": "ALARM", "StateReason": "over it", "StateUpdatedTimestamp": NOW}
    cloudwatch._alarms["spend"] = {"AlarmArn": arn, **state}
    known, gone = data("alarm", {"alarms": [arn, f"{arn}-gone"]})["alarms"]
    assert (known["name"], known["state"], known["since"]) == ("spend", "ALARM", NOW * 1000)
    assert (known["reason"], gone["name"], gone["state"]) == ("over it", "spend-gone", "MISSING")


@pytest.fixture
def function(monkeypatch):
    """What the function of a widget answers, and the events that it gets."""
    answer: dict[str, Any] = {}
    events = []

    def execute(_record, event):
        events.append(event)
        return answer

    found = lambda reference: ({"code": b""}, {"a": 1}, reference)  # noqa: E731
    monkeypatch.setattr(lambda_svc, "_get_func_record_for_ref", found)
    monkeypatch.setattr(lambda_svc, "_execution_record_for_config", lambda *_: {})
    monkeypatch.setattr(lambda_svc, "_execute_function_with_config_scope", execute)
    return answer, events


@pytest.mark.parametrize(
    ("returned", "seen"),
    [
        ("<b>5</b>", {"html": "<b>5</b>"}),
        ({"markdown": "# Five"}, {"markdown": "# Five"}),
        ([5], {"json": "[\n  5\n]"}),
    ],
    ids=str,
)
def test_a_custom_widget_shows_what_its_function_returns(function, returned, seen):
    answer, events = function
    answer["body"] = returned
    assert data("custom", {"endpoint": "arn:f", "params": {"widget": "circuits"}}) == seen
    assert events[0]["widget"] == "circuits"
    assert events[0]["widgetContext"]["timeRange"]["end"] == NOW * 1000


def test_a_custom_widget_whose_function_fails_says_why(function):
    function[0].update(body={"errorMessage": "no table"}, error=True)
    with pytest.raises(BadWidget, match="no table"):
        data("custom", {"endpoint": "arn:f"})
