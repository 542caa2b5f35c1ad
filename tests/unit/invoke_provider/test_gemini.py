"""Gemini's own ways at the endpoint that speaks OpenAI's language."""

import json

import httpx2
import openai
import pytest

from functions.invoke_provider.credentials import Credentials
from functions.invoke_provider.providers import chat_completions, gemini
from functions.invoke_provider.providers.compatible import at, errors_of
from functions.invoke_provider.providers.openai import engine_error
from functions.invoke_provider.providers.thought_signatures import STAND_IN
from functions.shared import errors
from tests.support.builders import TOOL_CALL, called_model, prompt

RPC = "type.googleapis.com/google.rpc"


def _refused(status, body, table=gemini.ERRORS, headers=()):
    def answer(_request):
        return httpx2.Response(status, content=json.dumps(body), headers=dict(headers))

    client = openai.OpenAI(
        api_key="k",
        base_url="https://gemini.example",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    return engine_error(raised.value, table)


def _status(status, word, *details, message="No."):
    return {"code": status, "message": message, "status": word, "details": list(details)}


@pytest.mark.parametrize(
    "wrapped", [lambda error: [{"error": error}], lambda error: {"error": error}]
)
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (_status(429, "RESOURCE_EXHAUSTED"), errors.ProviderThrottled),
        (
            _status(
                429, "RESOURCE_EXHAUSTED",
                {"@type": f"{RPC}.QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]},
            ),
            errors.ProviderQuotaExhausted,
        ),
        (
            _status(400, "INVALID_ARGUMENT", {"@type": f"{RPC}.ErrorInfo", "reason": "API_KEY_INVALID"}),
            errors.ProviderAuthFailed,
        ),
        (_status(400, "FAILED_PRECONDITION"), errors.ProviderQuotaExhausted),
        (_status(403, "PERMISSION_DENIED"), errors.ProviderAuthFailed),
        (_status(404, "NOT_FOUND"), errors.ModelNotFound),
        (_status(503, "UNAVAILABLE"), errors.ProviderOverloaded),
        (_status(500, "INTERNAL"), errors.ProviderUnavailable),
        (_status(504, "DEADLINE_EXCEEDED"), errors.ProviderTimeout),
        (
            _status(400, "INVALID_ARGUMENT", message="The input token count exceeds the maximum."),
            errors.ContextWindowExceeded,
        ),
    ],
)  # fmt: skip
def test_googles_words_are_understood_in_a_list_and_alone(wrapped, error, kind):
    assert type(_refused(error["code"], wrapped(error))) is kind


@pytest.mark.parametrize(
    ("delay", "headers", "wait_s"),
    [
        ("26s", {}, 26),
        ("0.2s", {}, 1),
        ("soon", {}, 0),
        (7, {}, 7),
        ("26s", {"retry-after": "3"}, 3),
    ],
)
def test_a_wait_in_the_body_is_kept_where_no_header_tells_one(delay, headers, wait_s):
    info = {"@type": f"{RPC}.RetryInfo", "retryDelay": delay}
    body = [{"error": _status(429, "RESOURCE_EXHAUSTED", info)}]
    assert _refused(429, body, headers=headers).retry_after_seconds == wait_s


@pytest.mark.parametrize("body", [[], [1], ["x"], {"error": None}, {"error": {"details": 1}}, 7])
def test_an_error_of_no_known_form_is_told_by_its_status(body):
    assert type(_refused(503, body)) is errors.ProviderOverloaded


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (
            404,
            {"object": "error", "message": "No such model.", "type": "NotFoundError", "code": 404},
            errors.ModelNotFound,
        ),
        (404, {"error": {"message": "not found", "type": "not_found_error"}}, errors.ModelNotFound),
        (
            400,
            {"error": {"message": "This model's maximum context length is 8192 tokens."}},
            errors.ContextWindowExceeded,
        ),
    ],
)
def test_the_words_of_other_servers_are_understood(status, body, kind):
    assert type(_refused(status, body, errors_of("vllm"))) is kind


def test_only_gemini_gets_a_word_in_place_of_each_earlier_calls_signature():
    said = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "tool_calls": [TOOL_CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"},
    ]
    bodies = {
        name: chat_completions.request_body(prompt(model, messages=said, text=None), model)
        for name in ("gemini", "openai")
        if (model := called_model(provider=name))
    }
    [signed] = [call for one in bodies["gemini"]["messages"] for call in one.get("tool_calls", ())]
    assert signed["extra_content"] == {"google": {"thought_signature": STAND_IN}}
    assert "extra_content" not in json.dumps(bodies["openai"])


@pytest.mark.parametrize(
    ("provider", "limit", "told"),
    [("gemini", "max_tokens", False), ("openai", "max_completion_tokens", True)],
)
def test_what_another_server_does_not_know_is_not_sent(provider, limit, told):
    model = called_model(provider=provider, output_limit_name=limit, implicit_cache_writes=True)
    body = chat_completions.request_body(prompt(model), model)
    assert body[limit] == 100
    assert ("service_tier" in body, "prompt_cache_options" in body) == (told, told)


def test_a_secret_may_name_another_address_than_the_configuration():
    plain, other = Credentials(api_key="k"), Credentials(api_key="k", base_url="https://b.example")
    assert at(plain, "https://a.example").base_url == "https://a.example"
    assert at(other, "https://a.example").base_url == "https://b.example"
