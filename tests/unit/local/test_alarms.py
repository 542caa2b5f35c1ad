import inspect
import json
import time

import cbor2
import pytest
from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from local.emulator import alarms, metrics
from local.emulator.alarms import state_of

UPSTREAM = {
    "exact dimensions": (cloudwatch._evaluate_alarm, "for (k_ns, k_mn, _), pts in", True),
    "missing data": (cloudwatch._evaluate_alarm, "TreatMissingData", False),
    "metric math over HTTP": (alarms._put_metric_alarm, '"Metrics"', False),
    "metric math in templates": (alarms._alarm_of_template, "is not supported", True),
    "anomaly bands": (alarms._alarm_of_template, "ThresholdMetricId", False),
}
PERIOD_S = 60


@pytest.fixture(autouse=True)
def account(monkeypatch):
    cloudwatch.reset()
    monkeypatch.setattr(cloudwatch, "_metric_bucket", metrics._points_of)
    monkeypatch.setattr(cloudwatch, "_evaluate_alarm", alarms.evaluate)
    monkeypatch.setattr(cloudwatch, "_put_metric_alarm", alarms._put)
    yield
    cloudwatch.reset()


@pytest.fixture
def sent(monkeypatch):
    """What the alarms tell: (old state, new state)."""
    told = []
    tell = lambda _alarm, old, new, _reason: told.append((old, new))  # noqa: E731
    monkeypatch.setattr(cloudwatch, "_dispatch_alarm_actions", tell)
    return told


def put(value, periods_ago=0, name="X", period_s=PERIOD_S, **dimensions):
    at = time.time() - periods_ago * period_s
    cloudwatch._store_datum("N", name, dimensions, at, "None", value, None, None, None)


def alarm_on(**changes):
    """Put an alarm and answer it as it is described."""
    plain = {"Namespace": "N", "MetricName": "X", "Statistic": "Sum", "Period": PERIOD_S}
    compared = {"Threshold": 5, "ComparisonOperator": "GreaterThanThreshold"}
    request = {"AlarmName": "a", "EvaluationPeriods": 1, **plain, **compared, **changes}
    request = {name: value for name, value in request.items() if value is not None}
    status, _headers, answer = cloudwatch._put_metric_alarm({}, request, True)
    assert status == 200, answer
    return cloudwatch._alarms[request["AlarmName"]]


def on_math(*queries, **changes):
    plain = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    return alarm_on(Metrics=list(queries), **plain, **changes)


def metric(query_id, name="X", period_s=PERIOD_S, **more):
    of = {"Namespace": "N", "MetricName": name, "Dimensions": []}
    return {"Id": query_id, "MetricStat": {"Metric": of, "Period": period_s, "Stat": "Sum"}, **more}


RANGES = {"X": True, "0": False, "-": None}
ALL = ("missing", "ignore", "breaching", "notBreaching")


@pytest.mark.parametrize(
    ("datapoints", "to_alarm", "states"),
    [
        # AWS's first table, 3 out of 3
        ("0-X-X", 3, ("OK", "OK", "OK", "OK")),
        ("0----", 3, ("OK", "OK", "OK", "OK")),
        ("-----", 3, ("INSUFFICIENT_DATA", "kept", "ALARM", "OK")),
        ("0XX-X", 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("--X--", 3, ("ALARM", "kept", "ALARM", "OK")),
        # its second, 2 out of 3
        ("0-X-X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("00X0X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0-X--", 2, ("OK", "OK", "ALARM", "OK")),
        ("----0", 2, ("OK", "OK", "ALARM", "OK")),
        ("---X-", 2, ("ALARM", "kept", "ALARM", "OK")),
        # what its text says of a premature alarm
        ("----X", 3, ("OK", "kept", "ALARM", "OK")),
        ("---X-", 3, ("OK", "kept", "ALARM", "OK")),
        ("---X0", 3, ("OK", "OK", "OK", "OK")),
        ("--X-0", 3, ("OK", "OK", "OK", "OK")),
        # no missing data: the newest three alone
        ("XX000", 2, ("OK", "OK", "OK", "OK")),
        ("00XXX", 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("----X", 1, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ],
)
def test_missing_data_counts_as_aws_documents(datapoints, to_alarm, states):
    breaches = [RANGES[datapoint] for datapoint in datapoints]
    seen = tuple(state_of(breaches, 3, to_alarm, missing, "kept") for missing in ALL)
    assert seen == states


def test_an_alarm_looks_at_the_metric_of_its_dimensions_alone():
    put(9, model="a")
    put(1)
    assert alarm_on()["StateValue"] == "OK"
    for model, state in (("a", "ALARM"), ("b", "INSUFFICIENT_DATA")):
        dimensions = [{"Name": "model", "Value": model}]
        assert alarm_on(AlarmName=model, Dimensions=dimensions)["StateValue"] == state


@pytest.mark.parametrize(
    ("comparison", "states"),
    [
        ("GreaterThanThreshold", ["OK", "OK", "ALARM"]),
        ("GreaterThanOrEqualToThreshold", ["OK", "ALARM", "ALARM"]),
        ("LessThanThreshold", ["ALARM", "OK", "OK"]),
        ("LessThanOrEqualToThreshold", ["ALARM", "ALARM", "OK"]),
    ],
)
def test_a_value_is_compared_with_the_threshold(comparison, states):
    for value, state in zip((4, 5, 6), states, strict=True):
        put(value, name=f"X{value}")
        alarm = alarm_on(MetricName=f"X{value}", ComparisonOperator=comparison)
        assert alarm["StateValue"] == state


def test_a_percentile_is_compared_too():
    for value in range(1, 101):
        put(value)
    percentile = {"Statistic": None, "ExtendedStatistic": "p95"}
    assert alarm_on(**percentile, Threshold=95)["StateValue"] == "ALARM"
    assert alarm_on(AlarmName="b", **percentile, Threshold=96)["StateValue"] == "OK"


@pytest.mark.parametrize(
    ("to_alarm", "state"), [(2, "ALARM"), (3, "OK"), (None, "OK")], ids=["2", "3", "all"]
)
def test_as_many_datapoints_breach_as_the_alarm_says(to_alarm, state):
    for periods_ago, value in enumerate((9, 1, 9)):
        put(value, periods_ago)
    alarm = alarm_on(EvaluationPeriods=3, DatapointsToAlarm=to_alarm)
    assert alarm["StateValue"] == state


@pytest.mark.parametrize(
    ("missing", "state"),
    [("breaching", "ALARM"), ("notBreaching", "OK"), (None, "INSUFFICIENT_DATA")],
)
def test_an_alarm_without_data_is_as_it_treats_missing_data(missing, state):
    assert alarm_on(TreatMissingData=missing)["StateValue"] == state


def test_math_decides_by_the_query_that_returns_data():
    put(1, name="Errors")
    put(4, name="Requests")
    alarm = on_math(
        metric("errors", "Errors", ReturnData=False),
        metric("requests", "Requests", ReturnData=False),
        {"Id": "rate", "Expression": "100 * errors / requests"},
        Threshold=20,
    )
    assert alarm["StateValue"] == "ALARM"
    put(4, name="Requests")
    alarms.evaluate(alarm)
    assert alarm["StateValue"] == "OK"


def test_an_alarm_on_math_is_described_with_its_metrics_and_no_metric_of_its_own():
    queries = [metric("m", ReturnData=False), {"Id": "e", "Expression": "m * 2", "Label": "twice"}]
    on_math(*queries)
    _status, _headers, answer = cloudwatch._describe_alarms({}, {"AlarmNames": ["a"]}, True)
    (described,) = cbor2.loads(answer)["MetricAlarms"]
    assert described["Metrics"] == [queries[0], {**queries[1], "ReturnData": True}]
    assert not {"MetricName", "Namespace", "Statistic", "Period"} & set(described)
    assert described["Threshold"] == 5


def test_an_alarm_that_cannot_be_evaluated_keeps_its_state_and_says_why(sent):
    put(9)
    alarm = on_math(metric("m", ReturnData=False), {"Id": "e", "Expression": "NO_SUCH(m)"})
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"
    assert alarm["EvaluationState"] == "EVALUATION_ERROR"
    assert alarm["StateReason"] == "Unsupported function NO_SUCH"
    assert sent == []


def _anomaly(comparison, **changes):
    return on_math(
        metric("m"),
        {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(m, 2)"},
        Threshold=None,
        ThresholdMetricId="band",
        ComparisonOperator=comparison,
        **changes,
    )


@pytest.mark.parametrize(
    ("value", "states"),
    [(100, ("ALARM", "OK", "ALARM")), (10, ("OK",) * 3), (-50, ("OK", "ALARM", "ALARM"))],
)
def test_a_band_is_a_threshold_on_both_sides(value, states):
    for periods_ago, usual in enumerate((8, 10, 12, 10, 8, 12), 1):
        put(usual, periods_ago)
    put(value)
    seen = [_anomaly(one, AlarmName=one)["StateValue"] for one in alarms._BANDS]
    assert tuple(seen) == states


def test_without_enough_history_there_is_no_band_to_leave():
    put(10, 1)
    put(100)
    alarm = _anomaly("GreaterThanUpperThreshold")
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"
    assert "Threshold" not in alarm


def test_a_change_of_state_is_told_once_and_kept_in_history(sent):
    put(9)
    alarm = alarm_on(TreatMissingData="notBreaching")
    alarms.evaluate(alarm)
    cloudwatch._metrics.clear()
    alarms.evaluate(alarm)
    assert sent == [("INSUFFICIENT_DATA", "ALARM"), ("ALARM", "OK")]
    summaries = [entry["HistorySummary"] for entry in cloudwatch._history_entries()]
    assert [one.partition("from ")[2] for one in summaries[1:]] == [
        "INSUFFICIENT_DATA to ALARM",
        "ALARM to OK",
    ]
    history = [json.loads(one["HistoryData"])["newState"] for one in cloudwatch._history_entries()]
    rang, ended = (state["stateReason"] for state in history[1:])
    assert rang.startswith("GreaterThanThreshold 5.0: of the last 1 datapoints, 9 (")
    assert ended == "GreaterThanThreshold 5.0: of the last 1 datapoints, all are missing."
    assert alarm["StateReason"] == ended


def test_a_template_may_have_alarms_on_math_and_bands():
    stat = {**metric("m")["MetricStat"], "Period": "60"}
    properties = {
        "ComparisonOperator": "GreaterThanUpperThreshold",
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 1,
        "ThresholdMetricId": "band",
        "Metrics": [
            {"Id": "m", "MetricStat": stat, "ReturnData": "true"},
            {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(m, 2)", "ReturnData": True},
        ],
    }
    alarm = alarms._record("a", properties)
    assert alarm["Metrics"][0] == metric("m", ReturnData=True)
    assert (alarm["ThresholdMetricId"], alarm["DatapointsToAlarm"]) == ("band", 1)
    assert not {"MetricName", "Namespace", "Threshold", "Period"} & set(alarm)


def test_a_plain_alarm_of_a_template_stays_as_upstream_makes_it():
    greater = {"ComparisonOperator": "GreaterThanThreshold"}
    alarm = alarms._record("a", {"MetricName": "X", "Namespace": "N", "Threshold": 1, **greater})
    assert (alarm["MetricName"], alarm["Threshold"]) == ("X", 1.0)
    assert "Metrics" not in alarm
    with pytest.raises(ValueError, match="MetricName"):
        alarms._record("a", greater)


@pytest.mark.parametrize("gap", UPSTREAM)
def test_upstream_still_lacks(gap):
    function, text, is_there = UPSTREAM[gap]
    assert (text in inspect.getsource(function)) is is_there


def test_upstreams_templates_still_go_through_the_function_that_is_replaced():
    source = inspect.getsource(provisioners._cw_metric_alarm_put)
    assert "_cw_metric_alarm_record(" in source
