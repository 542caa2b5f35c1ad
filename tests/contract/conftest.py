import json
import threading
from typing import Any

import pytest

from functions.invoke_provider.providers.bedrock import BedrockProvider
from tests.support.aimock import serving
from tests.support.bedrock_server import CLAUDE, Server, converse_answer, http_response, session
from tests.support.builders import called_model, prompt


def _refusal(status, error_type, code=None, message="No.", **more):
    error = {"message": message, "type": error_type, "code": code}
    return {"error": error, "status": status, **more}


FIXTURES: dict[str, dict[str, Any]] = {
    "answers": {
        "response": {
            "content": "Hello, you.",
            "usage": {
                "prompt_tokens": 12,
                "completion_tokens": 7,
                "input_tokens": 12,
                "output_tokens": 7,
            },
        }
    },
    "calls-a-tool": {
        "response": {"toolCalls": [{"name": "get_weather", "arguments": {"city": "Bern"}}]}
    },
    "is-cut-off": {"response": {"content": "Hel", "finishReason": "length"}},
    "throttles": {
        "response": _refusal(429, "rate_limit_error", "rate_limit_exceeded", retryAfter=7)
    },
    "has-no-money": {"response": _refusal(429, "billing_error", "insufficient_quota")},
    "rejects-the-key": {"response": _refusal(401, "authentication_error", "invalid_api_key")},
    "forbids": {"response": _refusal(403, "permission_error")},
    "is-gone": {"response": _refusal(404, "not_found_error", "model_not_found")},
    "is-too-small": {
        "response": _refusal(
            400,
            "invalid_request_error",
            "context_length_exceeded",
            "prompt is too long: 200001 tokens > 200000 maximum",
        )
    },
    "is-picky": {
        "response": _refusal(
            400, "invalid_request_error", message="max_tokens: too low for key sk-ant-verysecret123"
        )
    },
    "breaks": {"response": _refusal(500, "api_error")},
    "is-overloaded": {"response": _refusal(529, "overloaded_error")},
    "is-unavailable": {"response": _refusal(503, "api_error")},
    "babbles": {"response": {"content": "x"}, "chaos": {"malformedRate": 1}},
    "hangs-up": {"response": {"content": "x"}, "chaos": {"disconnectRate": 1}},
    "hangs": {"response": {"content": "x"}, "chaos": {"latencyMs": 5000}},
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
    return BedrockProvider(session(), f"http://127.0.0.1:{bedrock_api.server_port}")


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
