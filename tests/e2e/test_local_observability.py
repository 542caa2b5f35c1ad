"""What the local AWS measures, logs and traces by itself, as AWS does."""

import io
import json
import re
import secrets
import time
import zipfile
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import requests

from ops.stage import local_stage
from ops.temporary import narrow_key
from tests.support.api_calls import eventually

pytestmark = pytest.mark.xdist_group("local")

BODY = {"task": "chat", "text": "Say hello."}
ROOT = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")


def _generate(stack, key=None, **headers):
    return requests.post(
        f"{stack.base_url}/generate",
        json=BODY,
        headers={"X-API-Key": key or stack.api_key, **headers},
        timeout=60,
    )


def _sum(stack, namespace, name, stat="Sum", **dimensions):
    now = datetime.now(UTC)
    read = stack.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(hours=3),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=[stat],
    )
    return sum(point[stat] for point in read["Datapoints"])


def _machine(stack, kind):
    for machine in stack.client("stepfunctions").list_state_machines()["stateMachines"]:
        if machine["type"] == kind and machine["name"].startswith("LlmOrchestrator"):
            return machine["stateMachineArn"]
    raise LookupError(kind)


@pytest.fixture
def api(stack):
    """The API: (id, name)."""
    (found,) = stack.client("apigateway").get_rest_apis()["items"]
    return found["id"], found["name"]


def _access_log_group(stack, api):
    stage = stack.client("apigateway").get_stage(restApiId=api[0], stageName="api")
    arn = stage["accessLogSettings"]["destinationArn"]
    return arn.partition(":log-group:")[2].removesuffix(":*")


def _access_lines(stack, api, **wanted):
    events = stack.client("logs").filter_log_events(
        logGroupName=_access_log_group(stack, api), startTime=int((time.time() - 600) * 1000)
    )["events"]
    lines = [json.loads(event["message"]) for event in events]
    return [line for line in lines if wanted.items() <= line.items()]


def test_a_request_is_measured_by_the_gateway_step_functions_and_lambda(stack, api):
    classify = stack.function_name("Classify")
    of_machine = {"StateMachineArn": _machine(stack, "EXPRESS")}
    watched = [
        ("AWS/ApiGateway", "Count", {"ApiName": api[1]}),
        ("AWS/ApiGateway", "Latency", {"ApiName": api[1], "Stage": "api"}),
        ("AWS/ApiGateway", "IntegrationLatency", {"ApiName": api[1]}),
        ("AWS/States", "ExecutionsStarted", of_machine),
        ("AWS/States", "ExecutionsSucceeded", of_machine),
        ("AWS/States", "ExecutionTime", of_machine),
        ("AWS/Lambda", "Invocations", {"FunctionName": classify}),
        ("AWS/Lambda", "Duration", {"FunctionName": classify}),
        ("AWS/Lambda", "ConcurrentExecutions", {"FunctionName": classify}),
    ]

    def read():
        return [
            _sum(stack, namespace, name, **dimensions) for namespace, name, dimensions in watched
        ]

    before = read()
    assert _generate(stack).status_code == 200
    grown = [now - then for now, then in zip(read(), before, strict=True)]
    assert all(growth > 0 for growth in grown), grown
    assert grown[[name for _, name, _ in watched].index("Invocations")] == 1


def test_a_failed_execution_and_a_refused_request_are_counted_as_such(stack, api):
    failed = ("AWS/States", "ExecutionsFailed")
    refused = ("AWS/ApiGateway", "4XXError")
    of_machine = {"StateMachineArn": _machine(stack, "EXPRESS")}
    of_stage = {"ApiName": api[1], "Stage": "api"}
    before = _sum(stack, *failed, **of_machine), _sum(stack, *refused, **of_stage)
    bad, headers = {"task": "no-such-task", "text": "x"}, {"X-API-Key": stack.api_key}
    answer = requests.post(f"{stack.base_url}/generate", json=bad, headers=headers, timeout=60)
    assert answer.status_code == 400
    after = _sum(stack, *failed, **of_machine), _sum(stack, *refused, **of_stage)
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1]


def test_queues_are_sampled(stack):
    queues, name = stack.client("sqs"), f"sampled-{time.time_ns()}"
    url = queues.create_queue(QueueName=name)["QueueUrl"]
    queues.send_message(QueueUrl=url, MessageBody="x")
    metric = ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum")
    assert eventually(lambda: _sum(stack, *metric, QueueName=name)) == 1


@pytest.mark.parametrize(
    ("path", "key", "answered"),
    [
        ("/generate", True, ("200", "-")),
        ("/generate", False, ("401", "UNAUTHORIZED")),
        ("/no-such-path", True, ("404", "MISSING_AUTHENTICATION_TOKEN")),
    ],
)
def test_every_request_is_a_line_of_the_access_log(stack, api, path, key, answered):
    status, error_type = answered
    headers = {"X-API-Key": stack.api_key} if key else {}
    answer = requests.post(f"{stack.base_url}{path}", json=BODY, headers=headers, timeout=60)
    assert str(answer.status_code) == status
    (line,) = _access_lines(stack, api, request_id=f"req_{answer.headers['x-amz-apigw-id']}")
    assert (line["status"], line["error_type"], line["method"]) == (status, error_type, "POST")
    assert line["response_bytes"] == answer.headers["Content-Length"]
    assert int(line["latency_ms"]) >= 0
    assert line["integration_latency_ms"].isdigit() is (status == "200")
    assert (line["caller_id"] != "-") is (status == "200")
    assert answer.headers["X-Amzn-Trace-Id"] == f"Root={line['trace_id']}"


@pytest.fixture
def narrow(stack):
    """A caller whose plan lets one request through."""
    port = urlsplit(stack.base_url).port
    with narrow_key(local_stage(port), 0.001) as key:
        yield key


def test_a_plan_throttles_its_own_callers_in_the_contracts_words(stack, api, narrow):
    limited = _sum(stack, "LlmOrchestrator", "RateLimited")
    answers = [_generate(stack, narrow.value) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    body = answers[1].json()
    assert body["error"]["code"] == "rate_limited"
    assert answers[1].headers["Retry-After"] == str(body["error"]["retry_after_seconds"])
    (line,) = _access_lines(stack, api, status="429", caller_id=narrow.id)
    assert line["error_type"] == "THROTTLED"
    assert _generate(stack).status_code == 200
    assert _sum(stack, "LlmOrchestrator", "RateLimited") == limited + 1


def test_a_metric_filter_counts_the_lines_that_it_matches(stack, api):
    namespace = f"Filtered-{time.time_ns()}"
    where = {"logGroupName": _access_log_group(stack, api), "filterName": namespace}
    logs = stack.client("logs")
    logs.put_metric_filter(
        **where,
        filterPattern='{ $.status = "401" }',
        metricTransformations=[
            {"metricNamespace": namespace, "metricName": "Refused", "metricValue": "1"}
        ],
    )
    try:
        assert _generate(stack, "no key").status_code == 401
        assert _generate(stack).status_code == 200
        assert _sum(stack, namespace, "Refused") == 1
    finally:
        logs.delete_metric_filter(**where)


def _traces(stack, request_id, groups):
    """The trace ids in the functions' lines about a request, and whether several functions spoke."""
    query = f'filter request_id = "{request_id}" and ispresent(xray_trace_id)'
    found = _insights(stack, groups, f"fields @log, xray_trace_id | {query}")
    spoke = {row["@log"] for row in found}
    return {row["xray_trace_id"] for row in found} if len(spoke) > 1 else None


def _insights(stack, groups, query):
    logs = stack.client("logs")
    now = int(time.time())
    started = logs.start_query(
        logGroupNames=groups, startTime=now - 600, endTime=now + 1, queryString=query
    )
    answer = logs.get_query_results(queryId=started["queryId"])
    assert answer["status"] == "Complete"
    return [{field["field"]: field["value"] for field in row} for row in answer["results"]]


def _function_groups(stack):
    configured = stack.client("lambda").list_functions()["Functions"]
    named = {one["LoggingConfig"]["LogGroup"] for one in configured if "LoggingConfig" in one}
    groups = stack.client("logs").describe_log_groups()["logGroups"]
    return sorted(named & {group["logGroupName"] for group in groups})


def test_all_functions_of_a_request_log_one_trace(stack):
    sent = f"1-6a5b4c3d-{secrets.token_hex(12)}"
    answer = _generate(stack, **{"X-Amzn-Trace-Id": f"Root={sent};Sampled=1"})
    assert answer.headers["X-Amzn-Trace-Id"] == f"Root={sent}"
    assert _traces(stack, answer.json()["request_id"], _function_groups(stack)) == {sent}


def test_a_job_keeps_the_trace_of_its_request_after_the_answer(stack):
    answer = requests.post(
        f"{stack.base_url}/jobs", json=BODY, headers={"X-API-Key": stack.api_key}, timeout=60
    )
    job = answer.json()["execution_id"]
    root = answer.headers["X-Amzn-Trace-Id"].removeprefix("Root=")
    assert ROOT.fullmatch(root)
    groups = _function_groups(stack)
    assert eventually(lambda: _traces(stack, job, groups)) == {root}


@pytest.fixture
def tell_trace(stack):
    """The ARN of a function that answers with its trace header."""
    code, name = io.BytesIO(), f"tell-trace-{time.time_ns()}"
    with zipfile.ZipFile(code, "w") as archive:
        source = "import os\n\ndef handler(event, _):\n    return os.environ['_X_AMZN_TRACE_ID']\n"
        archive.writestr("index.py", source)
    functions = stack.client("lambda")
    yield functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Code={"ZipFile": code.getvalue()},
    )["FunctionArn"]
    functions.delete_function(FunctionName=name)


def test_an_execution_that_no_request_started_has_a_trace_of_its_own(stack, tell_trace):
    client = stack.client("stepfunctions")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": tell_trace, "Payload": {}},
    }
    told = "{% $states.result.Payload %}"
    states = {
        "First": {**task, "Assign": {"first": told}, "Next": "Second"},
        "Second": {**task, "Output": ["{% $first %}", told], "End": True},
    }
    definition = {"QueryLanguage": "JSONata", "StartAt": "First", "States": states}
    machine = client.create_state_machine(
        name=f"traced-{time.time_ns()}",
        definition=json.dumps(definition),
        roleArn="arn:aws:iam::000000000000:role/any",
    )["stateMachineArn"]

    def headers(**request):
        started = client.start_execution(stateMachineArn=machine, **request)["executionArn"]
        output = eventually(lambda: client.describe_execution(executionArn=started).get("output"))
        return json.loads(output)

    def roots(headers):
        return {re.search(rf"Root=({ROOT.pattern});Parent=", header)[1] for header in headers}

    first = headers()
    assert len(set(first)) == 2
    assert len(roots(first)) == 1
    assert roots(headers()) != roots(first)
    sent = f"1-6a5b4c3d-{secrets.token_hex(12)}"
    assert roots(headers(traceHeader=f"Root={sent};Sampled=1")) == {sent}


def test_a_query_finds_fields_inside_the_access_log(stack, api):
    answer = _generate(stack)
    request_id = f"req_{answer.headers['x-amz-apigw-id']}"
    group = [_access_log_group(stack, api)]
    counted = "stats count(*) as n, sum(latency_ms) as ms by status | sort n desc"
    query = f'filter request_id = "{request_id}" and ispresent(status) | {counted}'
    (row,) = _insights(stack, group, query)
    assert (row["status"], row["n"]) == ("200", "1")
    assert int(row["ms"]) > 0
    with pytest.raises(stack.client("logs").exceptions.ClientError, match="MalformedQuery"):
        _insights(stack, group, "find everything")


def test_the_stacks_saved_queries_are_deployed_and_listed(stack):
    logs, folder = stack.client("logs"), "llm-orchestrator-local/"
    listed = logs.describe_query_definitions(queryDefinitionNamePrefix=folder)["queryDefinitions"]
    texts = {one["name"].removeprefix(folder): one["queryString"] for one in listed}
    assert len(texts) > 5
    assert "sort" in texts["Slowest requests"]
    other = logs.describe_query_definitions(queryDefinitionNamePrefix="other")
    assert other["queryDefinitions"] == []
