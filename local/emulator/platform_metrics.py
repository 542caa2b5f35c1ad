"""What AWS measures by itself and ministack does not: Step Functions, the gateway, Lambda, queues."""

from __future__ import annotations

import threading
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import apigateway_v1, cloudwatch, lambda_svc, sqs, stepfunctions

from local.emulator.exchange import Exchange
from local.emulator.gateway import ANSWERED

_SAMPLE_EVERY_S = 5.0
_ENDED = {
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "ABORTED": "ExecutionsAborted",
    "TIMED_OUT": "ExecutionsTimedOut",
}

_run_execution = stepfunctions._run_execution
_emit_status = stepfunctions._emit_execution_status_event
_dispatch = lambda_svc._execute_function_dispatch


def count_request(exchange: Exchange) -> None:
    """AWS/ApiGateway of one answered request, per API and per stage."""
    api = apigateway_v1._rest_apis.get(exchange["api_id"])
    if api is None:
        return
    family = exchange["status"] // 100
    values = [
        ("Count", 1, "Count"),
        ("4XXError", int(family == 4), "Count"),
        ("5XXError", int(family == 5), "Count"),
        ("Latency", exchange["latency_ms"], "Milliseconds"),
    ]
    if "integration_latency_ms" in exchange:
        values.append(("IntegrationLatency", exchange["integration_latency_ms"], "Milliseconds"))
    for more in ({}, {"Stage": exchange["stage_name"]}):
        for name, value, unit in values:
            _record("AWS/ApiGateway", name, value, unit, {"ApiName": api["name"], **more})


def _run(execution_arn: str) -> None:
    execution = stepfunctions._executions.get(execution_arn)
    if execution:
        machine = {"StateMachineArn": execution["stateMachineArn"]}
        _record("AWS/States", "ExecutionsStarted", 1, "Count", machine)
        _record("AWS/States", "ExecutionThrottled", 0, "Count", machine)
    _run_execution(execution_arn)


def _status_changed(execution: dict[str, Any]) -> None:
    metric = _ENDED.get(execution["status"])
    if metric:
        machine = {"StateMachineArn": execution["stateMachineArn"]}
        started, ended = (
            stepfunctions._iso_to_epoch_ms(execution[date]) for date in ("startDate", "stopDate")
        )
        _record("AWS/States", metric, 1, "Count", machine)
        _record("AWS/States", "ExecutionTime", ended - started, "Milliseconds", machine)
    _emit_status(execution)


def _invoke(
    function: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, started: float
) -> dict[str, Any]:
    """Upstream counts the invocations of its Invoke API only."""
    name = {"FunctionName": config["FunctionName"]}
    total, running = lambda_svc.executions_in_flight()
    concurrent = running.get(lambda_svc._inflight_key(config), 1)
    _record("AWS/Lambda", "ConcurrentExecutions", concurrent, "Count", name)
    _record("AWS/Lambda", "ConcurrentExecutions", total, "Count", {})
    result: dict[str, Any] = _dispatch(function, config, event, request_id, started)
    duration = result.get("duration_ms", (time.time() - started) * 1000)
    _record("AWS/Lambda", "Invocations", 1, "Count", name)
    _record("AWS/Lambda", "Errors", int(bool(result.get("error"))), "Count", name)
    _record("AWS/Lambda", "Throttles", 0, "Count", name)
    _record("AWS/Lambda", "Duration", duration, "Milliseconds", name)
    return result


def _lambda_metrics(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:
    """What is left of upstream's: a throttled invocation, which is no invocation."""
    # The Invoke API tells it a second time, with the time that it took.
    if throttle and not duration_ms:
        _record("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": function_name})


def sample_queues() -> None:
    """AWS/SQS of every queue at this moment."""
    now = time.time()
    for (account, region, url), queue in list(sqs._queues.all_items()):
        visible = sum(message["visible_at"] <= now for message in list(queue["messages"]))
        name = {"QueueName": url.rpartition("/")[2]}
        with request_scope(account, region):
            _record("AWS/SQS", "ApproximateNumberOfMessagesVisible", visible, "Count", name)


def _sample_for_ever() -> None:
    while True:
        sample_queues()
        time.sleep(_SAMPLE_EVERY_S)


def _record(namespace: str, name: str, value: float, unit: str, dimensions: dict[str, str]) -> None:
    cloudwatch.record_metric(namespace, name, value, unit, dimensions)


def install() -> None:
    """Replace ministack's functions, listen to the gateway and watch the queues."""
    stepfunctions._run_execution = _run
    stepfunctions._emit_execution_status_event = _status_changed
    lambda_svc._execute_function_dispatch = _invoke
    lambda_svc._emit_lambda_metrics = _lambda_metrics
    ANSWERED.append(count_request)
    threading.Thread(target=_sample_for_ever, daemon=True, name="queue-metrics").start()
