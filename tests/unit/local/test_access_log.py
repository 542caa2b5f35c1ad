import inspect
import json

import pytest
from ministack.services import apigateway_v1
from ministack.services import cloudwatch_logs as logs
from ministack.services.cloudformation import provisioners

from local.emulator import access_log, cloudformation
from stacks.api.access_log import ACCESS_LOG_FORMAT

GROUP = "access-log-of-the-test"
EXCHANGE = {
    "api_id": "a1",
    "stage_name": "api",
    "headers": {},
    "query_params": {},
    "path_params": {},
    "resource_path": "/v1/generate",
    "request_id": "chosen",
    "extended_request_id": "r1=",
    "trace_root": "1-2-3",
    "http_method": "POST",
    "path": "/v1/generate",
    "authorizer": {"caller_id": "k1", "name": "team-a"},
    "status": 200,
    "latency_ms": 12,
    "response_bytes": 345,
    "integration_latency_ms": 11,
}


@pytest.fixture(autouse=True)
def group():
    logs._create_log_group({"logGroupName": GROUP})
    yield
    logs._delete_log_group({"logGroupName": GROUP})


def lines():
    streams = logs._log_groups[GROUP]["streams"].values()
    return [event["message"] for stream in streams for event in stream["events"]]


def exchange(**changes):
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}:*"
    settings = {"destinationArn": arn, "format": "$context.status $context.httpMethod."}
    return EXCHANGE | {"stage": {"accessLogSettings": settings}} | changes


def test_our_format_is_filled_in():
    form = ACCESS_LOG_FORMAT.to_string()
    assert json.loads(access_log.line_of(form, EXCHANGE)) == {
        "request_id": "req_r1=",
        "trace_id": "1-2-3",
        "caller_id": "k1",
        "caller": "team-a",
        "method": "POST",
        "resource": "/v1/generate",
        "status": "200",
        "latency_ms": "12",
        "integration_latency_ms": "11",
        "response_bytes": "345",
        "error_type": "-",
    }


def test_what_is_unknown_is_a_dash():
    refused = {**EXCHANGE, "api_key_id": "", "error_type": "INVALID_API_KEY"}
    del refused["integration_latency_ms"]
    form = (
        "$context.identity.apiKeyId $context.integrationLatency $context.no.such"
        " $context.error.responseType $context.identity $context.responseLatency"
    )
    assert access_log.line_of(form, refused) == "- - - INVALID_API_KEY - 12"


def test_every_request_is_a_line_in_the_stages_log_group():
    access_log.write(exchange())
    access_log.write(exchange(status=429))
    assert lines() == ["200 POST.", "429 POST."]


def test_a_stage_without_an_access_log_writes_none():
    access_log.write(exchange(stage={"accessLogSettings": {}}))
    access_log.write(exchange(stage=None))
    assert lines() == []


def test_a_template_sets_changes_and_takes_away_the_access_log(monkeypatch):
    monkeypatch.setattr(apigateway_v1, "_rest_apis", {"a1": {}})
    monkeypatch.setattr(apigateway_v1, "_stages_v1", {})
    props = {"RestApiId": "a1", "StageName": "api"}

    def stored():
        return apigateway_v1._stages_v1["a1"]["api"]["accessLogSettings"]

    first = {**props, "AccessLogSetting": {"DestinationArn": "arn:1", "Format": "x"}}
    cloudformation._create_stage("Stage", first, "stack")
    assert stored() == {"destinationArn": "arn:1", "format": "x"}
    second = {**props, "AccessLogSetting": {"DestinationArn": "arn:2", "Format": "x"}}
    cloudformation._update_stage("api", first, second, "stack")
    assert stored()["destinationArn"] == "arn:2"
    cloudformation._update_stage("api", second, props, "stack")
    assert stored() == {}


def test_upstream_still_writes_no_access_log():
    assert "log_group" not in inspect.getsource(apigateway_v1).lower()
    assert "AccessLogSetting" not in inspect.getsource(provisioners._apigw_stage_create)
