import json
import socket
import time
from decimal import Decimal

import pytest

from functions.invoke_provider.credentials import Credentials
from functions.invoke_provider.prompts import prompt_for
from functions.invoke_provider.providers.anthropic import AnthropicProvider
from functions.invoke_provider.providers.openai import OpenAIProvider
from functions.shared import errors
from functions.shared.contracts import Candidate, GenerateRequest
from tests.aimock import journal

KEY = "sk-test-0123456789"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
PROVIDERS = {"openai": (OpenAIProvider, "/v1"), "anthropic": (AnthropicProvider, "")}


def candidate(model, **changes):
    return Candidate(
        model=model, provider="p", provider_model_id=model, function="p", mock=False,
        context_window=128_000, max_output_tokens=100, sampling=[], reason="", cost_score=1,
        latency_score=1, quality_score=1, availability_score=1, final_score=1,
        estimated_cost_usd=Decimal(0), worst_case_cost_usd=Decimal(0), estimated_latency_ms=1,
        **changes,
    )  # fmt: skip


@pytest.fixture(params=PROVIDERS)
def call(request, aimock):
    adapter, path = PROVIDERS[request.param]
    provider = adapter(lambda: Credentials(api_key=KEY, base_url=aimock + path))

    def complete(model, timeout_s=5.0, task="chat", **fields):
        asked = GenerateRequest.model_validate({"text": "Hello?"} | fields)
        return provider.complete(prompt_for(asked, task), candidate(model), timeout_s)

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
        ("has-no-money", errors.ProviderQuotaExhausted),
        ("rejects-the-key", errors.ProviderAuthFailed),
        ("forbids", errors.ProviderAuthFailed),
        ("is-gone", errors.ModelNotFound),
        ("is-too-small", errors.ContextWindowExceeded),
        ("is-picky", errors.InvalidRequest),
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


def test_a_throttled_call_carries_the_wait(call):
    with pytest.raises(errors.ProviderThrottled) as raised:
        call("throttles")
    assert raised.value.retry_after_seconds == 7


def test_a_call_that_hangs_ends_with_its_timeout(call):
    began = time.monotonic()
    with pytest.raises(errors.ProviderTimeout):
        call("hangs", timeout_s=0.3)
    assert time.monotonic() - began < 1.5


def test_a_refused_request_tells_the_reason_and_no_key(call):
    with pytest.raises(errors.InvalidRequest) as raised:
        call("is-picky")
    assert "max_tokens: too low" in raised.value.message
    assert "verysecret" not in raised.value.message


def test_a_failed_call_is_never_repeated_by_the_sdk(call, aimock):
    before = _calls_of(aimock, "breaks")
    with pytest.raises(errors.ProviderUnavailable):
        call("breaks")
    assert _calls_of(aimock, "breaks") == before + 1


def _calls_of(aimock, model):
    return sum(entry["body"]["model"] == model for entry in journal(aimock))


@pytest.mark.parametrize("adapter", [OpenAIProvider, AnthropicProvider])
def test_nobody_listening_is_an_unavailable_provider(adapter):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        provider = adapter(lambda: Credentials(api_key=KEY, base_url=address))
        prompt = prompt_for(GenerateRequest(text="Hello?"), "chat")
        with pytest.raises(errors.ProviderUnavailable):
            provider.complete(prompt, candidate("answers"), 2.0)
