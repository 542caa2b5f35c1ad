import io
import json
import logging
import sys
import time
import traceback

import pytest

from functions.invoke_provider import handler
from functions.invoke_provider.providers.registry import load_provider
from functions.shared import errors
from functions.shared.contracts.answer import Answer
from functions.shared.simulation import FAULTS_VARIABLE
from functions.shared.telemetry.observability import logger
from tests.support.builders import candidate, decision, profile, ranked
from tests.support.gateway_events import LambdaStub

CONTEXT = LambdaStub()


@pytest.fixture(autouse=True)
def _simulator(environment):
    environment(PROVIDER="simulator")
    load_provider.cache_clear()
    yield
    load_provider.cache_clear()


@pytest.fixture
def logged():
    stream = io.StringIO()
    sink = logging.StreamHandler(stream)
    sink.setFormatter(logger.registered_formatter)
    logger.addHandler(sink)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger._logger.removeHandler(sink)


def event(**changes):
    states = {
        "profile": profile("summarize", int(time.time() * 1000)),
        "decision": decision(ranked("gpt-4o", mock=True)),
        "candidate": candidate("gpt-4o", mock=True),
    }
    told = {name: state.model_dump(mode="json") for name, state in states.items()}
    request = {"text": "A confidential matter. It is long."}
    return told | {"request": request, "failures": [], "remaining": 0, "retry_count": 0} | changes


def test_the_handler_answers_with_plain_json():
    output = json.loads(json.dumps(handler.lambda_handler(event(), CONTEXT)))
    answer = Answer.model_validate(output["answer"])
    assert "confidential" in answer.result
    assert answer.mock is True
    assert output["attempt"]["model"] == "gpt-4o"


def test_one_line_tells_who_answered_and_what_it_used_and_nothing_of_the_text(logged):
    output = handler.lambda_handler(event(), CONTEXT)
    (line,) = logged()
    assert line["request_id"] == "req_1"
    assert line["gen_ai.request.model"] == "gpt-4o"
    assert line["gen_ai.provider.name"] == "openai"
    assert line["gen_ai.usage.input_tokens"] == output["answer"]["usage"]["input_tokens"]
    assert line["gen_ai.usage.output_tokens"] == output["answer"]["usage"]["output_tokens"]
    assert "elapsed_ms" in line
    assert "confidential" not in json.dumps(line)


def test_a_failure_leaves_the_handler_by_its_class_name(monkeypatch):
    monkeypatch.setenv(FAULTS_VARIABLE, '{"gpt-4o": "ProviderOverloaded"}')
    with pytest.raises(errors.ProviderOverloaded) as raised:
        handler.lambda_handler(event(), CONTEXT)
    told = json.loads(str(raised.value))
    assert (told["message"], told["request_id"]) == ("Simulated.", "req_1")


def test_a_failure_is_told_by_the_runtimes_line_alone_and_without_a_stack_trace(
    monkeypatch, logged
):
    monkeypatch.setenv(FAULTS_VARIABLE, '{"gpt-4o": "ProviderOverloaded"}')
    with pytest.raises(errors.ProviderOverloaded) as raised:
        handler.lambda_handler(event(), CONTEXT)
    # As the runtime asks for it; what it gets is the stack trace in its line.
    assert traceback.extract_tb(raised.value.__traceback__) == []
    assert raised.value.__cause__ is None
    assert logged() == []
    monkeypatch.delenv(FAULTS_VARIABLE)
    handler.lambda_handler(event(), CONTEXT)
    assert sys.tracebacklimit > 100


class Picky:
    """A provider that quotes the prompt in its refusal."""

    def complete(self, *_call):
        raise errors.InvalidRequest(
            "openai answered 400", reason="messages[0]: A confidential matter"
        )


def test_what_a_provider_says_of_a_request_reaches_the_caller_and_no_log(monkeypatch, logged):
    monkeypatch.setattr(handler, "load_provider", lambda _settings: Picky())
    output = handler.lambda_handler(event(), CONTEXT)
    answer = output.pop("answer")
    assert answer["success"] is False
    assert answer["request_id"] == "req_1"
    assert answer["error"] == {
        "code": "invalid_request",
        "message": "openai refused the request: messages[0]: A confidential matter",
    }
    assert output["logged_answer"] is None
    assert output["error"]["Error"] == output["attempt"]["outcome"] == "InvalidRequest"
    assert "confidential" not in json.dumps([output, logged()])


def test_an_answer_says_of_every_other_ending_that_it_is_none():
    output = handler.lambda_handler(event(), CONTEXT)
    assert output.keys() == {"answer", "logged_answer", "attempt", "error", "took_ms"}
    assert output["error"] is None
