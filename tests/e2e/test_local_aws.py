"""What the definition relies on in Step Functions, and what the local AWS owes its user."""

import json
import socket
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import pytest
import requests

pytestmark = pytest.mark.xdist_group("local")

PROJECT = Path(__file__).parents[2]
MACHINE = {
    "Prepare": {
        "Type": "Pass",
        "Assign": {"first": 1, "rest": "{% [2, 3] %}", "seconds": "{% $parse('1') %}"},
        "Next": "Swap",
    },
    "Swap": {
        "Type": "Pass",
        "Assign": {"first": "{% $rest[0] %}", "rest": "{% $append($rest, $first) %}"},
        "Next": "Fails",
    },
    "Fails": {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "{% $states.input.function %}", "Payload": {}},
        "TimeoutSeconds": "{% $seconds + 9 %}",
        "Retry": [{"ErrorEquals": ["KeyError"], "MaxAttempts": 1, "IntervalSeconds": 1}],
        "Catch": [{
            "ErrorEquals": ["EngineError"],
            "Assign": {
                "caught": "{% $parse($states.errorOutput.Cause).errorType %}",
                "retries": "{% $states.context.State.RetryCount %}",
                "at": "{% $millis() %}",
            },
            "Output": "{% $states.input %}",
            "Next": "Late?",
        }],
        "Next": "Failed",
    },
    "Late?": {
        "Type": "Choice",
        "Choices": [{
            "Condition": "{% $toMillis($states.context.Execution.StartTime) <= $at %}",
            "Assign": {"late": True},
            "Next": "Wait",
        }],
        "Default": "Failed",
    },
    "Wait": {"Type": "Wait", "Seconds": "{% $seconds %}", "Next": "Failed"},
    "Failed": {
        "Type": "Fail",
        "Error": "{% $caught %}",
        "Cause": "{% $string({'first': $first, 'rest': $rest, 'more': [$retries, $late]}) %}",
    },
}  # fmt: skip


def _machine(client, states):
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
    return client.create_state_machine(
        name=f"machine-{time.time_ns()}",
        definition=json.dumps(definition),
        roleArn="arn:aws:iam::000000000000:role/any",
    )["stateMachineArn"]


def test_the_language_of_the_definition_means_what_it_means_on_aws(stack):
    client = stack.client("stepfunctions")
    given = json.dumps({"function": stack.function_name("Classify")})
    started = client.start_execution(stateMachineArn=_machine(client, MACHINE), input=given)
    ends = time.monotonic() + 30
    while True:
        seen = client.describe_execution(executionArn=started["executionArn"])
        if seen["status"] != "RUNNING" or time.monotonic() > ends:
            break
        time.sleep(0.2)
    assert (seen["status"], seen["error"]) == ("FAILED", "EngineError")
    assert json.loads(seen["cause"]) == {"first": 2, "rest": [2, 3, 1], "more": [0, True]}


def test_an_execution_of_the_same_name_and_input_is_answered_while_it_runs(stack):
    client = stack.client("stepfunctions")
    machine = _machine(client, {"Wait": {"Type": "Wait", "Seconds": 2, "End": True}})
    first, twin = (
        client.start_execution(stateMachineArn=machine, name="n", input="{}") for _ in range(2)
    )
    assert twin["executionArn"] == first["executionArn"]
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=machine, name="n", input='{"a": 1}')


def test_a_body_over_the_gateways_limit_is_too_large(stack):
    body = b'{"text": "' + b"x" * (10 * 1024 * 1024) + b'"}'
    headers = {"X-API-Key": stack.api_key, "Content-Type": "application/json"}
    response = requests.post(f"{stack.base_url}/generate", data=body, headers=headers, timeout=60)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "payload_too_large")


def test_nothing_but_the_stage_is_behind_the_front_door(stack):
    origin = stack.base_url.removesuffix("/api/v1")
    for path in ("/v1/health", "/_ministack/health", "/apis/v1/health", "/api"):
        response = requests.get(origin + path, timeout=30)
        assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found"), path


def test_the_stack_listens_on_the_loopback_interface_only(stack):
    ports = [urllib.parse.urlsplit(url).port for url in (stack.base_url, stack.emulator_url)]
    addresses = {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)}
    for address in addresses - {"127.0.0.1", "127.0.1.1", "::1"}:
        for port in ports:
            with pytest.raises(OSError, match=r".+"):
                socket.create_connection((address, port), timeout=2).close()


def _raw(port, *lines):
    """The status of a request that is sent as it is written."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall("\r\n".join((*lines, "Connection: close", "", "")).encode())
        return int(connection.makefile("rb").readline().split()[1])


def test_both_ports_answer_to_their_own_names_only(stack):
    for url, path in (
        (stack.base_url, "/api/v1/health"),
        (stack.emulator_url, "/_ministack/health"),
    ):
        port = urllib.parse.urlsplit(url).port
        get = f"GET {path} HTTP/1.1"
        for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
            assert _raw(port, get, f"Host: {host}") == 200
            assert _raw(port, f"GET http://{host}{path} HTTP/1.1", f"Host: {host}") == 403
        for host in ("evil.example", f"evil.example:{port}", f"localhost:{port + 1}", "localhost"):
            assert _raw(port, get, f"Host: {host}") == 403, host
        assert _raw(port, f"GET {path} HTTP/1.0") == 403
        upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        assert _raw(port, get, "Host: evil.example", *upgrade, key) == 403


def test_a_page_of_another_site_cannot_use_the_emulator(stack):
    port = urllib.parse.urlsplit(stack.emulator_url).port
    own = f"Host: 127.0.0.1:{port}"
    for header in ("Origin: http://evil.example", "Sec-Fetch-Site: cross-site"):
        assert _raw(port, "GET /_ministack/health HTTP/1.1", own, header) == 403


def test_a_taken_port_is_said_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = _local("up", "--detach", "--port", str(port))
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert f"Port {port} is in use" in told.stderr


def test_a_stopped_stack_is_not_ready():
    told = _local("status", "--json", "--port", "1")
    assert told.returncode == 1
    assert json.loads(told.stdout)["state"] == "stopped"


def _local(*arguments):
    command = [sys.executable, "-m", "local", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
