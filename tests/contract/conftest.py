import json
import threading
from typing import Any

import pytest

from functions.invoke_provider.providers.bedrock import BedrockProvider
from functions.invoke_provider.providers.streaming import Streaming
from local.faults.aimock import serving
from tests.support.bedrock_server import CLAUDE, Server, converse_answer, http_response, session
from tests.support.builders import called_model, prompt


def _refuses(status, error_type, code=None, message="No.", **more):
    error = {"message": message, "type": error_type, "code": code}
    return {"response": {"error": error, "status": status, **more}}


def _says(content, **more):
    return {"response": {"content": content, **more}}


_TOO_LONG = "prompt is too long: 200001 tokens > 200000 maximum"
_BAD_LIMIT = "max_tokens: too low for key sk-ant-verysecret123"
_TOKENS = {"prompt_tokens": 12, "completion_tokens": 7, "input_tokens": 12, "output_tokens": 7}
_CALL = {"name": "get_weather", "arguments": {"city": "Bern"}}
FIXTURES: dict[str, dict[str, Any]] = {
    "answers": _says("Hello, you.", usage=_TOKENS),
    "calls-a-tool": {"response": {"toolCalls": [_CALL]}},
    "is-cut-off": _says("Hel", finishReason="length"),
    "throttles": _refuses(429, "rate_limit_error", "rate_limit_exceeded", retryAfter=7),
    "has-no-money": _refuses(429, "billing_error", "insufficient_quota"),
    "rejects-the-key": _refuses(401, "authentication_error", "invalid_api_key"),
    "forbids": _refuses(403, "permission_error"),
    "is-gone": _refuses(404, "not_found_error", "model_not_found"),
    "is-too-small": _refuses(400, "invalid_request_error", "context_length_exceeded", _TOO_LONG),
    "is-picky": _refuses(400, "invalid_request_error", message=_BAD_LIMIT),
    "breaks": _refuses(500, "api_error"),
    "is-overloaded": _refuses(529, "overloaded_error"),
    "is-unavailable": _refuses(503, "api_error"),
    "babbles": _says("x") | {"chaos": {"malformedRate": 1}},
    "hangs-up": _says("x") | {"chaos": {"disconnectRate": 1}},
    "hangs": _says("x") | {"chaos": {"latencyMs": 5000}},
}
"""What each of the simulated provider's models does."""


@pytest.fixture(scope="session")
def aimock(tmp_path_factory):
    """The address of a provider simulator that speaks both wire formats."""
    fixtures = [{"match": {"model": model}} | fixture for model, fixture in FIXTURES.items()]
    with serving(fixtures, tmp_path_factory.mktemp("aimock")) as url:
        yield url


@pytest.fixture(scope="session")
def bedrock_api():
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture(scope="session")
def bedrock_provider(bedrock_api):
    """It asks for whole answers; tests/contract/test_streams_of_bedrock.py asks for streams."""
    address = f"http://127.0.0.1:{bedrock_api.server_port}"
    return BedrockProvider(session(), address, Streaming(on=False))


@pytest.fixture
def converse(bedrock_api, bedrock_provider):
    """Ask with a reply laid ready: an answer's JSON, bytes as they are sent, or what writes them."""
    bedrock_api.received.clear()

    def ask(reply=None, model=CLAUDE, timeout_s=5.0, limits=None, **fields):
        reply = converse_answer() if reply is None else reply
        if isinstance(reply, dict):
            reply = http_response(json.dumps(reply).encode())
        bedrock_api.reply = reply if callable(reply) else lambda stream: stream.write(reply)
        asked = called_model(model, api="converse", **limits or {})
        return bedrock_provider.complete(prompt(asked, **fields), asked, timeout_s)

    return ask


@pytest.fixture
def sent(bedrock_api, converse):
    """What arrives at Bedrock for a request."""

    def body_of(**fields):
        converse(**fields)
        ((_, body),) = bedrock_api.received
        return body

    return body_of


@pytest.fixture
def states_environment(environment, state_table):
    """What the functions of the states are told, with the simulator as the only provider."""
    environment(PROVIDER="simulator", MOCK_PROVIDERS="always", STATE_TABLE="State")
    environment(SYNC_DEADLINE_MS="26000", ASYNC_DEADLINE_MS="240000")
