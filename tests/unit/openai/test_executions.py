import json

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from functions.openai.executions import Started, run
from tests.support.native_answers import native_error
from tests.unit.openai.test_answers import CHAT, HELLO

STARTED = Started("req_1", "key-1", {}, "sync")


def refused(code):
    return ClientError({"Error": {"Code": code, "Message": ""}}, "StartSyncExecution")


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ({"status": "FAILED", "error": "States.Runtime", "cause": "a stack trace"}, "internal_error"),
        ({"status": "FAILED", "error": "not_found", "cause": "no JSON"}, "internal_error"),
        ({"status": "FAILED"}, "internal_error"),
        ({"status": "TIMED_OUT"}, "deadline_exceeded"),
        ({"status": "FAILED", "error": "not_found", "cause": json.dumps(native_error("not_found"))}, "not_found"),
    ],
)  # fmt: skip
def test_an_execution_without_an_answer_is_an_error_of_ours(machine, says, code):
    machine.says = says
    body = run("arn", STARTED, {"text": "x"})
    assert body["error"]["code"] == code
    assert "stack trace" not in json.dumps(body)


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (refused("ThrottlingException"), 429, "rate_limited"),
        (refused("ExecutionLimitExceeded"), 429, "rate_limited"),
        (refused("AccessDeniedException"), 500, "internal_error"),
        (ReadTimeoutError(endpoint_url="x"), 504, "deadline_exceeded"),
    ],
)
def test_a_refusal_to_start_is_told_as_what_it_is(machine, send, raised, status, code):
    machine.raises = raised
    told, body, headers = send(CHAT, HELLO)
    assert (told, body["error"]["code"]) == (status, code)
    assert headers["x-should-retry"] == ("true" if status == 429 else "false")


def test_what_is_too_large_for_an_execution_is_refused_before_it_is_sent(machine, send):
    long = {"model": "auto", "messages": [{"role": "user", "content": "é" * 131_000}]}
    status, body, _ = send(CHAT, long)
    assert (status, body["error"]["code"], machine.told) == (413, "payload_too_large", [])


def test_an_execution_is_started_once(aws, monkeypatch):
    from functions.openai import executions

    config = executions.machines().meta.config
    assert config.retries["total_max_attempts"] == 1
    assert config.read_timeout < 29


def test_half_a_surrogate_pair_is_sent_as_the_gateway_would(machine, send):
    status, _, _ = send(CHAT, HELLO | {"messages": [{"role": "user", "content": "x"}], "user": "u"})
    assert status == 200
    text = '{"model": "auto", "messages": [{"role": "user", "content": "\\ud83d"}]}'
    assert send(CHAT, text)[0] == 200
    content = machine.input["request"]["messages"][0]["content"]
    assert content.encode()
