"""What the local AWS makes of metrics and alarms, from a request to a message in a queue."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from tests.support.api_calls import eventually

pytestmark = pytest.mark.xdist_group("local")

NAMESPACE = "LlmOrchestrator"
GROUP = "embedded-metrics-of-the-tests"


def _stat(namespace, name, dimensions=(), stat="Sum", period=60):
    named = [{"Name": key, "Value": value} for key, value in dimensions]
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": named}
    return {"Metric": metric, "Period": period, "Stat": stat}


def _read(stack, *queries):
    now = datetime.now(UTC)
    data = stack.client("cloudwatch").get_metric_data(
        MetricDataQueries=list(queries),
        StartTime=now - timedelta(days=1),
        EndTime=now + timedelta(minutes=1),
    )
    return {result["Label"]: result["Values"] for result in data["MetricDataResults"]}


@pytest.fixture
def emit(stack):
    """Write a line of embedded metrics to a log."""
    logs = stack.client("logs")
    stream = f"s{time.time_ns()}"
    if not logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]:
        logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)

    def emitted(namespace, dimensions=None, **values):
        dimensions = dimensions or {}
        now_ms = int(time.time() * 1000)
        directive = {
            "Namespace": namespace,
            "Dimensions": [list(dimensions)],
            "Metrics": [{"Name": name} for name in values],
        }
        header = {"Timestamp": now_ms, "CloudWatchMetrics": [directive]}
        line = json.dumps({"_aws": header, **dimensions, **values})
        event = {"timestamp": now_ms, "message": line}
        logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=[event])

    return emitted


def _requests_of_service(stack):
    listed = stack.client("cloudwatch").list_metrics(Namespace=NAMESPACE, MetricName="Requests")
    sets = [metric["Dimensions"] for metric in listed["Metrics"]]
    service = [(one["Name"], one["Value"]) for names in sets if len(names) == 1 for one in names]
    if not service:
        return None
    read = _read(stack, {"Id": "r", "MetricStat": _stat(NAMESPACE, "Requests", service)})
    return sum(read["Requests"])


def test_a_request_is_a_metric_that_can_be_read(stack):
    before = _requests_of_service(stack) or 0
    answer = requests.post(
        f"{stack.base_url}/generate",
        json={"task": "chat", "text": "Say hello."},
        headers={"X-API-Key": stack.api_key},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert eventually(lambda: (_requests_of_service(stack) or 0) > before)


def test_a_line_of_embedded_metrics_is_read_back_exactly(stack, emit):
    namespace = f"Exact-{time.time_ns()}"
    emit(namespace, {"service": "s", "model": "a"}, LatencyMs=[10, 20, 40])
    emit(namespace, {"service": "s", "model": "b"}, LatencyMs=5)
    emit(namespace, {"service": "s"}, LatencyMs=1)
    of_a = [("service", "s"), ("model", "a")]
    search = f"""SEARCH('{{{namespace},service,model}} MetricName="LatencyMs"', 'Sum')"""
    read = _read(
        stack,
        {"Id": "p", "Label": "mid", "MetricStat": _stat(namespace, "LatencyMs", of_a, "p50", 3600)},
        {"Id": "no", "Label": "without", "MetricStat": _stat(namespace, "LatencyMs")},
        {"Id": "of", "Expression": search},
        {"Id": "wrong", "Expression": "NO_SUCH(p)"},
    )
    assert read == {"mid": [20], "without": [], "a": [70], "b": [5], "wrong": []}


def test_an_alarm_on_math_goes_to_alarm_and_back(stack, emit):
    namespace, name = f"Rate-{time.time_ns()}", f"rate-{time.time_ns()}"
    alarms = stack.client("cloudwatch")
    queries = [
        {"Id": "errors", "MetricStat": _stat(namespace, "Errors", period=300), "ReturnData": False},
        {"Id": "all", "MetricStat": _stat(namespace, "Requests", period=300), "ReturnData": False},
        {"Id": "rate", "Expression": "100 * errors / all", "ReturnData": True},
    ]
    compared = {"Threshold": 50, "ComparisonOperator": "GreaterThanThreshold"}
    missing = {"EvaluationPeriods": 1, "TreatMissingData": "notBreaching"}
    alarms.put_metric_alarm(AlarmName=name, Metrics=queries, **compared, **missing)

    def described():
        (alarm,) = alarms.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return alarm

    assert described()["Metrics"] == queries
    assert "MetricName" not in described()
    emit(namespace, Errors=1, Requests=1)
    assert eventually(lambda: described()["StateValue"] == "ALARM"), described()
    emit(namespace, Requests=99)
    assert eventually(lambda: described()["StateValue"] == "OK"), described()
    history = alarms.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")
    summaries = [item["HistorySummary"] for item in history["AlarmHistoryItems"]]
    assert summaries[:2] == ["Alarm updated from ALARM to OK", "Alarm updated from OK to ALARM"]
    alarms.delete_alarms(AlarmNames=[name])


def test_the_stacks_alarms_are_deployed_with_their_math_and_their_band(stack):
    listed = stack.client("cloudwatch").describe_alarms()["MetricAlarms"]
    alarms = {
        slug: alarm
        for alarm in listed
        for slug in ("success-rate", "spend-anomaly")
        if alarm["AlarmName"] == f"llm-orchestrator-local-{slug}"
    }
    rate, spend = alarms["success-rate"], alarms["spend-anomaly"]
    assert rate["Metrics"][0]["Expression"].startswith("IF(requests >= 20, ")
    assert {query["Id"] for query in rate["Metrics"][1:]} >= {"errors", "requests"}
    band = {query["Id"]: query for query in spend["Metrics"]}[spend["ThresholdMetricId"]]
    assert band["Expression"].startswith("ANOMALY_DETECTION_BAND(")
    assert not {"Threshold", "MetricName"} & spend.keys()
    (topic,) = stack.client("sns").list_topics()["Topics"]
    assert rate["AlarmActions"] == spend["AlarmActions"] == [topic["TopicArn"]]


def test_a_template_changes_an_alarm_on_math(stack):
    clouds, name = stack.client("cloudformation"), f"alarm-{time.time_ns()}"
    query = {"Id": "m", "MetricStat": _stat("Of-A-Template", "Errors")}
    alarm = {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Metrics": [{"Id": "twice", "Expression": "m * 2"}, {**query, "ReturnData": False}],
    }

    def deploy(act, waiter, threshold):
        properties = {**alarm, "AlarmName": name, "Threshold": threshold}
        resource = {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}
        act(StackName=name, TemplateBody=json.dumps({"Resources": {"Rate": resource}}))
        clouds.get_waiter(waiter).wait(StackName=name, WaiterConfig={"Delay": 1})
        (found,) = stack.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return found["Threshold"], [one["Id"] for one in found["Metrics"]]

    ids = ["twice", "m"]
    assert deploy(clouds.create_stack, "stack_create_complete", 5) == (5, ids)
    assert deploy(clouds.update_stack, "stack_update_complete", 7) == (7, ids)
    clouds.delete_stack(StackName=name)
    clouds.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert stack.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"] == []
