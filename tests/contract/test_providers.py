import json
import socket
import time

import pytest

from functions.invoke_provider.credentials import Credentials
from functions.invoke_provider.providers import azure_openai_errors
from functions.invoke_provider.providers.anthropic import AnthropicProvider
from functions.invoke_provider.providers.azure_openai import at_v1
from functions.invoke_provider.providers.bedrock import BedrockProvider
from functions.invoke_provider.providers.openai import OpenAIProvider
from functions.shared import errors
from local.faults.aimock import journal
from tests.support.bedrock_server import session
from tests.support.builders import called_model, prompt
from tests.support.exchange import Keys

KEY = "sk-test-0123456789"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def credentials(address):
    return Keys(Credentials(api_key=KEY, base_url=address))


def azure(address):
    return OpenAIProvider(
        Keys(at_v1(credentials(address).read())), errors=azure_openai_errors.ERRORS
    )


PROVIDERS = {
    "openai": ("chat_completions", lambda url: OpenAIProvider(credentials(f"{url}/v1"))),
    "openai on responses": ("responses", lambda url: OpenAIProvider(credentials(f"{url}/v1"))),
    "azure_openai": ("chat_completions", azure),
    "anthropic": ("messages", lambda url: AnthropicProvider(credentials(url))),
    "bedrock": ("converse", lambda url: BedrockProvider(session(), url)),
}
"""Every interface that a provider is called by, as `api` and adapter at an address."""


SILENT = {"bedrock"}
"""The simulator tells these their status alone; test_bedrock_errors.py has the documented bodies."""


@pytest.fixture(params=PROVIDERS)
def call(request, aimock):
    return calling(request.param, aimock)


@pytest.fixture(params=[name for name in PROVIDERS if name not in SILENT])
def telling_call(request, aimock):
    return calling(request.param, aimock)


def calling(name, aimock):
    api, connect = PROVIDERS[name]
    provider = connect(aimock)

    def complete(model, timeout_s=5.0, task="chat", **fields):
        asked = called_model(model, api=api)
        return provider.complete(prompt(asked, task, **fields), asked, timeout_s)

    return complete


def test_a_text_comes_with_its_tokens(call):
    completion = call("answers")
    assert completion.text == "Hello, you."
    assert completion.finish_reason == "stop"
    assert completion.tool_calls == ()
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (12, 7)


def test_a_tool_call_comes_in_the_contracts_form(call):
    completion = call("calls-a-tool", tools=[WEATHER], tool_choice="required")
    (made,) = completion.tool_calls
    assert made.id
    assert made.function.name == "get_weather"
    assert json.loads(made.function.arguments) == {"city": "Bern"}
    assert completion.finish_reason == "tool_calls"
    assert completion.text == ""


def test_a_cut_off_answer_says_so(call):
    assert call("is-cut-off").finish_reason == "length"


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("throttles", errors.ProviderThrottled),
        ("rejects-the-key", errors.ProviderAuthFailed),
        ("forbids", errors.ProviderAuthFailed),
        ("is-gone", errors.ModelNotFound),
        ("is-picky", errors.RequestDoubted),
        ("breaks", errors.ProviderUnavailable),
        ("is-overloaded", errors.ProviderOverloaded),
        ("is-unavailable", errors.ProviderOverloaded),
        ("babbles", errors.ProviderBadResponse),
        ("hangs-up", errors.ProviderUnavailable),
    ],
)
def test_a_failure_gets_the_class_the_machine_acts_on(call, model, error):
    with pytest.raises(errors.EngineError) as raised:
        call(model)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("has-no-money", errors.ProviderQuotaExhausted),
        ("is-too-small", errors.ContextWindowExceeded),
    ],
)
def test_a_failure_told_in_words_gets_its_class_too(telling_call, model, error):
    with pytest.raises(errors.EngineError) as raised:
        telling_call(model)
    assert type(raised.value) is error


def test_a_throttled_call_carries_the_wait(call):
    with pytest.raises(errors.ProviderThrottled) as raised:
        call("throttles")
    assert raised.value.retry_after_seconds == 7


def test_a_call_that_hangs_ends_with_its_timeout(call):
    began = time.monotonic()
    with pytest.raises(errors.ProviderTimeout):
        call("hangs", timeout_s=0.3)
    assert time.monotonic() - began < 1.5


def test_a_refused_request_tells_the_reason_and_no_key(telling_call):
    with pytest.raises(errors.RequestDoubted) as raised:
        telling_call("is-picky")
    assert "max_tokens: too low" in raised.value.reason
    assert "verysecret" not in raised.value.reason
    # Its text is logged, and the reason may quote the prompt.
    assert "too low" not in str(raised.value)


def test_a_failed_call_is_never_repeated_by_the_sdk(call, aimock):
    before = _calls_of(aimock, "breaks")
    with pytest.raises(errors.ProviderUnavailable):
        call("breaks")
    assert _calls_of(aimock, "breaks") == before + 1


def _calls_of(aimock, model):
    called = (
        entry["body"].get("model") or entry["path"].split("/")[2] for entry in journal(aimock)
    )
    return sum(name == model for name in called)


@pytest.mark.parametrize("name", PROVIDERS)
def test_nobody_listening_is_an_unavailable_provider(name):
    api, connect = PROVIDERS[name]
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        provider = connect(f"http://127.0.0.1:{reserved.getsockname()[1]}")
        asked = called_model("answers", api=api)
        with pytest.raises(errors.ProviderUnavailable):
            provider.complete(prompt(asked), asked, 2.0)
