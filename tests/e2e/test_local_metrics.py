"""What the local AWS makes of metrics and alarms, from a request to a message in a queue."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

pytestmark = pytest.mark.xdist_group("local")

NAMESPACE = "LlmOrchestrator"
GROUP = "embedded-metrics-of-the-tests"


def _eventually(check, seconds=20):
    """What `check` answers once it answers something, or at the end."""
    ends = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < ends:
        time.sleep(0.3)
    return found


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


@pytest.fixture
def inbox(stack):
    """A topic, and what has come to a queue that subscribes to it."""
    name = f"alarms-{time.time_ns()}"
    queues, topics = stack.client("sqs"), stack.client("sns")
    queue = queues.create_queue(QueueName=name)["QueueUrl"]
    asked = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    queue_arn = asked["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    queues.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    topic = topics.create_topic(Name=name)["TopicArn"]
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    messages = []

    def received():
        answer = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            messages.append(json.loads(json.loads(message["Body"])["Message"]))
            queues.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [(one["OldStateValue"], one["NewStateValue"]) for one in messages]

    return topic, received


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
    assert _eventually(lambda: (_requests_of_service(stack) or 0) > before)


def test_a_line_of_embedded_metrics_is_read_back_exactly(stack, emit):
    namespace = f"Exact-{time.time_ns()}"
    emit(namespace, {"service": "s", "model": "a"}, LatencyMs=[10, 20, 40])
    emit(namespace, {"service": "s", "model": "b"}, LatencyMs=5)
    emit(namespace, {"service": "s"}, LatencyMs=1)
    of_a = [("service", "s"), ("model", "a")]
    search = f"""SEARCH('{{{namespace},service,model}} MetricName="LatencyMs"', 'Sum')"""
    read = _read(
        stack,
        {
            "Id": "p",
            "Label": "median",
            "MetricStat": _stat(namespace, "LatencyMs", of_a, "p50", 3600),
        },
        {"Id": "no", "Label": "without", "MetricStat": _stat(namespace, "LatencyMs")},
        {"Id": "of", "Expression": search},
        {"Id": "wrong", "Expression": "NO_SUCH(p)"},
    )
    assert read == {"median": [20], "without": [], "a": [70], "b": [5], "wrong": []}


def test_an_alarm_on_math_goes_to_alarm_and_back_and_tells_a_queue(stack, emit, inbox):
    topic, received = inbox
    namespace, name = f"Rate-{time.time_ns()}", f"rate-{time.time_ns()}"
    alarms = stack.client("cloudwatch")
    queries = [
        {"Id": "errors", "MetricStat": _stat(namespace, "Errors", period=300), "ReturnData": False},
        {"Id": "all", "MetricStat": _stat(namespace, "Requests", period=300), "ReturnData": False},
        {"Id": "rate", "Expression": "100 * errors / all", "ReturnData": True},
    ]
    alarms.put_metric_alarm(
        AlarmName=name,
        Metrics=queries,
        EvaluationPeriods=1,
        Threshold=50,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=[topic],
        OKActions=[topic],
    )

    def described():
        (alarm,) = alarms.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return alarm

    assert described()["Metrics"] == queries
    assert "MetricName" not in described()
    emit(namespace, Errors=1, Requests=1)
    assert _eventually(lambda: described()["StateValue"] == "ALARM"), described()
    emit(namespace, Requests=99)
    assert _eventually(lambda: described()["StateValue"] == "OK"), described()
    changes = [("INSUFFICIENT_DATA", "OK"), ("OK", "ALARM"), ("ALARM", "OK")]
    assert _eventually(lambda: received() == changes), received()
    history = alarms.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")
    summaries = [item["HistorySummary"] for item in history["AlarmHistoryItems"]]
    assert summaries[:2] == ["Alarm updated from ALARM to OK", "Alarm updated from OK to ALARM"]
    alarms.delete_alarms(AlarmNames=[name])


def test_an_alarm_of_ten_seconds_forgets(stack, emit):
    namespace, name = f"Short-{time.time_ns()}", f"short-{time.time_ns()}"
    alarms = stack.client("cloudwatch")
    alarms.put_metric_alarm(
        AlarmName=name,
        Namespace=namespace,
        MetricName="X",
        Statistic="Sum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )

    def state():
        return alarms.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]

    emit(namespace, X=1)
    assert _eventually(lambda: state() == "ALARM")
    assert _eventually(lambda: state() == "OK", seconds=60)
    alarms.delete_alarms(AlarmNames=[name])


def _query(query_id, name, **more):
    stat = _stat("Of-A-Template", name, [("service", "s")], period=300)
    return {"Id": query_id, "MetricStat": stat, **more}


def _alarm(**properties):
    common = {"EvaluationPeriods": 1, "AlarmActions": [{"Ref": "Topic"}], **properties}
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": common}


TEMPLATE = {
    "Resources": {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "Alarms"}},
        "TopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": "Topic"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Sid": "0",
                            "Effect": "Allow",
                            "Principal": {"Service": "cloudwatch.amazonaws.com"},
                            "Action": "sns:Publish",
                            "Resource": {"Ref": "Topic"},
                        }
                    ],
                },
            },
        },
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "Protocol": "email",
                "TopicArn": {"Ref": "Topic"},
                "Endpoint": "on-call@example.com",
            },
        },
        "Plain": _alarm(
            Namespace="Of-A-Template",
            MetricName="Requests",
            Statistic="Sum",
            Period=300,
            Threshold=5,
            ComparisonOperator="GreaterThanThreshold",
        ),
        "Rate": _alarm(
            Threshold=5,
            ComparisonOperator="GreaterThanThreshold",
            DatapointsToAlarm=1,
            TreatMissingData="notBreaching",
            Metrics=[
                {"Id": "rate", "Expression": "100 * e / r", "Label": "Errors (%)"},
                _query("e", "Errors", ReturnData=False),
                _query("r", "Requests", ReturnData=False),
            ],
        ),
        "Unusual": _alarm(
            ComparisonOperator="GreaterThanUpperThreshold",
            ThresholdMetricId="band",
            Metrics=[
                {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(m, 3)", "ReturnData": True},
                _query("m", "CostUsd", ReturnData=True),
            ],
        ),
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {
                "DashboardBody": {
                    "Fn::Join": [
                        "",
                        [
                            '{"widgets":[{"type":"alarm","width":6,"height":6,"x":0,"y":0,'
                            '"properties":{"title":"Alarms","alarms":["',
                            {"Fn::GetAtt": ["Rate", "Arn"]},
                            '"]}}]}',
                        ],
                    ]
                }
            },
        },
    }
}


def _deploy(cloudformation, name, template, act):
    act(StackName=name, TemplateBody=json.dumps(template))

    def done():
        status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        return status if not status.endswith("_IN_PROGRESS") else None

    return _eventually(done)


def test_a_template_with_alarms_dashboard_and_topic_deploys_and_updates(stack):
    name = f"monitoring-{time.time_ns()}"
    cloudformation, cloudwatch = stack.client("cloudformation"), stack.client("cloudwatch")
    status = _deploy(cloudformation, name, TEMPLATE, cloudformation.create_stack)
    assert status == "CREATE_COMPLETE"
    resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    ids = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources}

    def described(logical_id):
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=[ids[logical_id]])["MetricAlarms"]
        return alarm

    assert described("Rate")["AlarmActions"] == [ids["Topic"]]
    assert [query["Id"] for query in described("Rate")["Metrics"]] == ["rate", "e", "r"]
    assert described("Unusual")["ThresholdMetricId"] == "band"
    assert "Threshold" not in described("Unusual")
    body = json.loads(cloudwatch.get_dashboard(DashboardName=ids["Dashboard"])["DashboardBody"])
    rate_arn = described("Rate")["AlarmArn"]
    assert body["widgets"][0]["properties"]["alarms"] == [rate_arn]
    changed = json.loads(json.dumps(TEMPLATE))
    changed["Resources"]["Rate"]["Properties"]["Threshold"] = 7
    status = _deploy(cloudformation, name, changed, cloudformation.update_stack)
    assert (status, described("Rate")["Threshold"]) == ("UPDATE_COMPLETE", 7)
    cloudformation.delete_stack(StackName=name)
    names = list(ids.values())
    assert _eventually(lambda: not cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"])
