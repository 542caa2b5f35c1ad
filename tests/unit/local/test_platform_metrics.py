import inspect
import time

import pytest
from ministack.services import apigateway_v1, cloudwatch, lambda_svc, sqs, stepfunctions

from local.emulator import executions, platform_metrics

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:m"
OF_MACHINE = {"StateMachineArn": MACHINE}


@pytest.fixture
def recorded(monkeypatch):
    """What is measured: (namespace, name, value, unit, dimensions)."""
    recorded = []
    monkeypatch.setattr(cloudwatch, "record_metric", lambda *metric: recorded.append(metric))
    return recorded


def execution(status, **more):
    return {
        "stateMachineArn": MACHINE,
        "status": status,
        "startDate": "2026-01-01T00:00:00.000Z",
        "stopDate": "2026-01-01T00:00:01.250Z",
        "sync": True,
        **more,
    }


@pytest.mark.parametrize("status", platform_metrics._ENDED)
def test_an_execution_is_counted_by_its_end_and_timed(recorded, status):
    platform_metrics._status_changed(execution(status))
    assert recorded == [
        ("AWS/States", platform_metrics._ENDED[status], 1, "Count", OF_MACHINE),
        ("AWS/States", "ExecutionTime", 1250, "Milliseconds", OF_MACHINE),
    ]


def test_a_running_execution_has_not_ended(recorded):
    platform_metrics._status_changed(execution("RUNNING", stopDate=None))
    assert recorded == []


def test_an_execution_is_counted_when_it_starts(recorded, monkeypatch):
    monkeypatch.setattr(stepfunctions, "_executions", {"e": execution("RUNNING")})
    ran = []
    monkeypatch.setattr(platform_metrics, "_run_execution", ran.append)
    platform_metrics._run("e")
    assert ran == ["e"]
    assert recorded == [
        ("AWS/States", "ExecutionsStarted", 1, "Count", OF_MACHINE),
        ("AWS/States", "ExecutionThrottled", 0, "Count", OF_MACHINE),
    ]


def test_an_aborted_execution_does_not_fail_afterwards():
    aborted = execution("ABORTED", events=[])
    executions._fail(aborted, "States.Timeout", "")
    assert aborted["status"] == "ABORTED"
    assert "error" not in aborted


@pytest.mark.parametrize(("status", "errors"), [(200, (0, 0)), (429, (1, 0)), (502, (0, 1))])
def test_a_request_is_measured_per_api_and_per_stage(recorded, monkeypatch, status, errors):
    monkeypatch.setattr(apigateway_v1, "_rest_apis", {"a1": {"name": "the-api"}})
    request = {"api_id": "a1", "stage_name": "api", "status": status, "latency_ms": 30}
    platform_metrics.count_request(request | {"integration_latency_ms": 20})
    api, stage = {"ApiName": "the-api"}, {"ApiName": "the-api", "Stage": "api"}
    assert recorded == [
        ("AWS/ApiGateway", name, value, unit, dimensions)
        for dimensions in (api, stage)
        for name, value, unit in (
            ("Count", 1, "Count"),
            ("4XXError", errors[0], "Count"),
            ("5XXError", errors[1], "Count"),
            ("Latency", 30, "Milliseconds"),
            ("IntegrationLatency", 20, "Milliseconds"),
        )
    ]


def test_a_request_without_integration_has_no_integration_latency(recorded, monkeypatch):
    monkeypatch.setattr(apigateway_v1, "_rest_apis", {"a1": {"name": "the-api"}})
    platform_metrics.count_request(
        {"api_id": "a1", "stage_name": "api", "status": 403, "latency_ms": 1}
    )
    assert "IntegrationLatency" not in {name for _, name, *_ in recorded}
    recorded.clear()
    platform_metrics.count_request(
        {"api_id": "gone", "stage_name": "api", "status": 404, "latency_ms": 1}
    )
    assert recorded == []


@pytest.mark.parametrize("failed", [False, True])
def test_every_invocation_is_measured_whoever_invokes(recorded, monkeypatch, failed):
    result = {"body": {}, "error": failed, "duration_ms": 7.5}
    monkeypatch.setattr(platform_metrics, "_dispatch", lambda *_: result)
    config = {"FunctionName": "f"}
    slot, _ = lambda_svc._acquire_execution_slot({}, config)
    try:
        assert platform_metrics._invoke({}, config, {}, "r", time.time()) == result
    finally:
        lambda_svc._release_execution_slot(slot)
    of_function = {"FunctionName": "f"}
    assert recorded == [
        ("AWS/Lambda", "ConcurrentExecutions", 1, "Count", of_function),
        ("AWS/Lambda", "ConcurrentExecutions", 1, "Count", {}),
        ("AWS/Lambda", "Invocations", 1, "Count", of_function),
        ("AWS/Lambda", "Errors", int(failed), "Count", of_function),
        ("AWS/Lambda", "Throttles", 0, "Count", of_function),
        ("AWS/Lambda", "Duration", 7.5, "Milliseconds", of_function),
    ]


def test_a_throttled_invocation_is_counted_once_and_is_no_invocation(recorded):
    platform_metrics._lambda_metrics("f", duration_ms=0.0, error=False, throttle=True)
    platform_metrics._lambda_metrics("f", duration_ms=1.5, error=True, throttle=True)
    platform_metrics._lambda_metrics("f", duration_ms=1.5, error=False, throttle=False)
    assert recorded == [("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": "f"})]


def test_a_queue_is_sampled_by_its_visible_messages(recorded, monkeypatch):
    now = time.time()
    messages = [{"visible_at": now - 1}, {"visible_at": now - 1}, {"visible_at": now + 60}]
    store = type(sqs._queues)()
    store["http://localhost/000000000000/dead-letters"] = {"messages": messages}
    monkeypatch.setattr(sqs, "_queues", store)
    platform_metrics.sample_queues()
    name = {"QueueName": "dead-letters"}
    assert recorded == [("AWS/SQS", "ApproximateNumberOfMessagesVisible", 2, "Count", name)]


def test_upstream_still_measures_only_lambdas_own_api():
    for module in (apigateway_v1, sqs, stepfunctions):
        assert "record_metric" not in inspect.getsource(module)
    assert "_emit_lambda_metrics" not in inspect.getsource(lambda_svc._execute_function_dispatch)
    assert "ConcurrentExecutions" not in inspect.getsource(lambda_svc._emit_lambda_metrics)


def test_upstream_still_lets_an_aborted_execution_fail():
    assert '"RUNNING"' not in inspect.getsource(stepfunctions._fail_execution)
