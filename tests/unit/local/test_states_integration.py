import asyncio
import json
from typing import Any

import pytest
from ministack.services import stepfunctions

from local.emulator import states_integration

URI = "arn:aws:apigateway:us-east-1:states:action/StartSyncExecution"
EXCHANGE = {
    "api_id": "a1",
    "stage_name": "api",
    "resource_path": "/generate",
    "path_params": {},
    "query_params": {"q": ["first", "last"]},
    "headers": {"x-one": "1"},
    "request_id": "r-1",
    "extended_request_id": "e-1=",
}
REQUEST = """{"input": $input.json('$'), "q": "$input.params().querystring.q", "id": "$context.requestId"}"""
BY_STATUS = """#set($run = $input.path('$'))
#if($run.status == "SUCCEEDED")
$run.output
#else
#set($context.responseOverride.status = 502)
#set($context.responseOverride.header["Retry-After"] = "7")
{"output": "$!run.output"}
#end"""
RESPONSES: dict[str, Any] = {
    "default": {"statusCode": "200", "responseTemplates": {"application/json": BY_STATUS}},
    "refused": {"statusCode": "400", "selectionPattern": r"4\d{2}"},
}


@pytest.fixture
def asked():
    """What Step Functions was asked: headers and request."""
    return []


@pytest.fixture
def answered(monkeypatch, asked):
    """Calls the integration of a Step Functions that answers so."""

    def ask(execution, status=200, delay_s=0.0, body=b'{"text": "Hi"}', **integration):
        async def handle(method, path, headers, request, query):
            asked.append((headers, json.loads(request)))
            await asyncio.sleep(delay_s)
            return status, {}, json.dumps(execution).encode()

        monkeypatch.setattr(stepfunctions, "handle_request", handle)
        fields = {"requestTemplates": {"application/json": REQUEST}}
        fields |= {"integrationResponses": RESPONSES} | integration
        call = states_integration.invoke(fields, "StartSyncExecution", dict(EXCHANGE), body)
        return asyncio.run(call)

    return ask


def test_the_action_of_a_step_functions_integration_is_known_and_no_other():
    assert states_integration.action_of({"uri": URI}) == "StartSyncExecution"
    assert states_integration.action_of({"uri": URI.replace("states:action", "sqs:path")}) is None
    assert states_integration.action_of({}) is None


def test_the_request_is_what_the_template_makes_of_it(answered, asked):
    answered({"status": "SUCCEEDED", "output": "{}"})
    assert asked == [
        (
            {"x-amz-target": "AWSStepFunctions.StartSyncExecution"},
            {"input": {"text": "Hi"}, "q": "last", "id": "r-1"},
        )
    ]


def test_the_answer_is_what_the_template_makes_of_the_execution(answered):
    status, headers, body = answered({"status": "SUCCEEDED", "output": '{"success": true}'})
    assert (status, headers) == (200, {"Content-Type": "application/json"})
    assert json.loads(body) == {"success": True}


@pytest.mark.parametrize("ended", ["FAILED", "TIMED_OUT"])
def test_a_template_sets_status_and_header_and_sees_no_output_of_a_failure(answered, ended):
    status, headers, body = answered({"status": ended, "output": "null"})
    assert (status, headers["Retry-After"]) == (502, "7")
    assert json.loads(body) == {"output": ""}


def test_a_response_has_its_static_headers_and_a_template_goes_before_them(answered):
    static = {f"method.response.header.{name}": "'static'" for name in ("X-One", "Retry-After")}
    response = {**RESPONSES["default"], "responseParameters": static}
    _, headers, _ = answered({"status": "FAILED"}, integrationResponses={"default": response})
    assert (headers["X-One"], headers["Retry-After"]) == ("static", "7")


def test_a_refusal_of_step_functions_takes_the_response_of_its_status(answered):
    status, _, body = answered({"__type": "InvalidName"}, status=400)
    assert (status, json.loads(body)) == (400, {"__type": "InvalidName"})


def test_an_execution_that_outlasts_the_integration_times_out(answered):
    error = answered({"status": "SUCCEEDED", "output": "{}"}, delay_s=5.0, timeoutInMillis=20)
    assert error.response_type == "INTEGRATION_TIMEOUT"


@pytest.mark.parametrize(
    "broken",
    [
        {"body": b"\xff"},
        {"integrationResponses": {}},
        {"requestTemplates": {"application/json": "#foreach($a in"}},
        *(
            {"integrationResponses": {"default": {"statusCode": "200", "responseParameters": one}}}
            for one in (
                {"a": "'b'"},
                {"method.response.header.A": "b"},
                {"method.response.header.A": "integration.response.header.B"},
                {"method.response.header.A": "context.requestId"},
                {"method.response.header.A": "'b"},
                {"method.response.header.": "'b'"},
            )
        ),
    ],
)
def test_what_cannot_be_mapped_is_a_fault_of_the_configuration(answered, broken):
    error = answered({"status": "SUCCEEDED", "output": "{}"}, **broken)
    assert error.response_type == "API_CONFIGURATION_ERROR"
