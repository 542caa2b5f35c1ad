import json
import time

import httpx2
import pytest

from functions.invoke_provider.credentials import Credentials
from functions.invoke_provider.providers import azure_openai
from functions.invoke_provider.providers.openai import OpenAIProvider
from functions.shared import errors
from functions.shared.vocabulary import Usage
from tests.support.builders import PARAMETERS, TOOL, TOOL_CALL, called_model, prompt
from tests.support.exchange import (
    ADAPTERS,
    ANSWERS,
    KEY,
    Exchange,
    Keys,
    anthropic_answer,
    openai_answer,
    raised_by,
    responses_answer,
)

PNG = "data:image/png;base64,iVBORw0KGgo="
AFTER_TWO_TOOLS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather in Bern and Basel?"},
    {"role": "assistant", "tool_calls": [TOOL_CALL, TOOL_CALL | {"id": "call_2"}]},
    {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    {"role": "tool", "tool_call_id": "call_2", "content": "rain"},
]


# What is sent


def test_openai_gets_the_system_text_first_and_the_conversation_as_it_was():
    exchange = Exchange("openai", openai_answer())
    exchange(messages=AFTER_TWO_TOOLS, system="You are kind.", tools=[TOOL], tool_choice="auto")
    system, *said = exchange.sent["messages"]
    assert system == {"role": "system", "content": "You are kind.\n\nBe brief."}
    assert said == AFTER_TWO_TOOLS[1:]
    assert exchange.sent["tools"] == [TOOL]
    assert exchange.sent["tool_choice"] == "auto"
    assert exchange.sent["max_completion_tokens"] == 100


def test_anthropic_gets_all_tool_results_in_one_turn():
    exchange = Exchange("anthropic", anthropic_answer())
    exchange(messages=AFTER_TWO_TOOLS, system="You are kind.", tools=[TOOL])
    assert exchange.sent["system"] == "You are kind.\n\nBe brief."
    assert [turn["role"] for turn in exchange.sent["messages"]] == ["user", "assistant", "user"]
    asked, results = exchange.sent["messages"][1:]
    assert asked["content"][0] == {
        "type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Bern"},
    }  # fmt: skip
    assert [block["tool_use_id"] for block in results["content"]] == ["call_1", "call_2"]
    assert exchange.sent["tools"] == [
        {"name": "get_weather", "description": "Weather", "input_schema": PARAMETERS}
    ]
    assert exchange.sent["max_tokens"] == 100


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        (
            {"type": "function", "function": {"name": "get_weather"}},
            {"type": "tool", "name": "get_weather"},
        ),
    ],
)
def test_anthropic_gets_the_tool_choice_in_its_own_words(choice, sent):
    exchange = Exchange("anthropic", anthropic_answer())
    exchange(tools=[TOOL], tool_choice=choice)
    assert exchange.sent["tool_choice"] == sent


def test_openai_gets_the_temperature_that_the_model_takes():
    exchange = Exchange("openai", openai_answer(), sampling=["temperature"])
    exchange(temperature=0.5)
    assert exchange.sent["temperature"] == 0.5


def test_openai_turns_reasoning_off_where_the_model_demands_it_beside_tools():
    exchange = Exchange("openai", openai_answer(), effort_with_tools="none")
    exchange()
    assert "reasoning_effort" not in exchange.sent
    exchange(tools=[TOOL])
    assert exchange.sent["reasoning_effort"] == "none"


def test_responses_gets_each_turn_call_and_result_as_an_item():
    exchange = Exchange("responses", responses_answer())
    exchange(messages=AFTER_TWO_TOOLS, system="You are kind.", tools=[TOOL], tool_choice="auto")
    assert exchange.url.endswith("/v1/responses")
    assert exchange.sent["instructions"] == "You are kind.\n\nBe brief."
    call = {"type": "function_call", "name": "get_weather", "arguments": '{"city": "Bern"}'}
    assert exchange.sent["input"] == [
        {"role": "user", "content": "Weather in Bern and Basel?"},
        call | {"call_id": "call_1"},
        call | {"call_id": "call_2"},
        {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
        {"type": "function_call_output", "call_id": "call_2", "output": "rain"},
    ]
    assert exchange.sent["tools"] == [{"type": "function", "strict": False, **TOOL["function"]}]
    assert exchange.sent["tool_choice"] == "auto"
    assert exchange.sent["max_output_tokens"] == 100
    assert exchange.sent["store"] is False


def test_responses_gets_a_named_tool_and_a_schema_in_its_flat_form():
    exchange = Exchange("responses", responses_answer(), max_output_tokens=3)
    form = {"type": "json_schema", "json_schema": {"name": "w", "schema": PARAMETERS}}
    named = {"type": "function", "function": {"name": "get_weather"}}
    exchange(response_format=form, tools=[TOOL], tool_choice=named)
    assert exchange.sent["text"] == {
        "format": {"type": "json_schema", "name": "w", "schema": PARAMETERS}
    }
    assert exchange.sent["tool_choice"] == {"type": "function", "name": "get_weather"}
    assert exchange.sent["max_output_tokens"] == 16


def test_azure_is_asked_for_a_deployment_at_the_resources_v1_address():
    asked = []

    def answer(request):
        asked.append(request)
        return httpx2.Response(200, json=openai_answer())

    for endpoint in ("https://r.openai.azure.com/", "https://r.openai.azure.com/openai/v1/"):
        secret = Credentials(api_key=KEY, base_url=endpoint)
        client = httpx2.Client(transport=httpx2.MockTransport(answer))
        provider = OpenAIProvider(Keys(azure_openai.at_v1(secret)), client)
        deployment = called_model("azure-gpt-4o", provider_model_id="our-gpt-4o")
        provider.complete(prompt(deployment), deployment, 5.0)
    assert {str(one.url) for one in asked} == {
        "https://r.openai.azure.com/openai/v1/chat/completions"
    }
    assert {json.loads(one.content)["model"] for one in asked} == {"our-gpt-4o"}
    assert {one.headers["authorization"] for one in asked} == {f"Bearer {KEY}"}


def test_azure_without_an_endpoint_is_no_usable_credential():
    with pytest.raises(errors.ProviderAuthFailed, match="base_url"):
        azure_openai.at_v1(Credentials(api_key=KEY))


def test_an_image_reaches_each_interface_in_its_own_form():
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.jpg"}},
    ]
    messages = [{"role": "user", "content": parts}]
    sent = {}
    for wire, reply in ANSWERS.items():
        exchange = Exchange(wire, reply)
        exchange(messages=messages)
        sent[wire] = exchange.sent
    assert sent["openai"]["messages"] == sent["azure_openai"]["messages"] == messages
    assert sent["responses"]["input"][0]["content"] == [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": PNG, "detail": "auto"},
        {"type": "input_image", "image_url": "https://example.com/cat.jpg", "detail": "auto"},
    ]
    inline = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    assert sent["anthropic"]["messages"][0]["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "source": inline},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/cat.jpg"}},
    ]


def test_anthropic_is_told_of_tools_that_were_called_but_are_offered_no_more():
    exchange = Exchange("anthropic", anthropic_answer())
    exchange(messages=AFTER_TWO_TOOLS)
    no_parameters = {"type": "object", "properties": {}}
    assert exchange.sent["tools"] == [{"name": "get_weather", "input_schema": no_parameters}]
    assert exchange.sent["tool_choice"] == {"type": "none"}


def test_a_schema_is_passed_on_in_each_providers_form():
    form = {"type": "json_schema", "json_schema": {"name": "w", "schema": PARAMETERS}}
    openai, anthropic = (
        Exchange("openai", openai_answer()),
        Exchange("anthropic", anthropic_answer()),
    )
    openai(response_format=form)
    anthropic(response_format=form)
    assert openai.sent["response_format"] == form
    sent = anthropic.sent["output_config"]["format"]
    assert sent["type"] == "json_schema"
    assert sent["schema"]["required"] == ["city"]


def test_anthropic_is_told_a_schema_of_free_names_in_words():
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    form = {"type": "json_schema", "json_schema": {"name": "counts", "schema": schema}}
    exchange = Exchange("anthropic", anthropic_answer())
    exchange(response_format=form, system="Count.")
    assert "output_config" not in exchange.sent
    assert exchange.sent["system"].startswith("Count.\n\n")
    assert json.dumps(schema) in exchange.sent["system"]


def test_a_json_object_is_asked_for_in_words_too():
    exchange = Exchange("anthropic", anthropic_answer())
    exchange(response_format={"type": "json_object"})
    assert "JSON object" in exchange.sent["system"]


def test_the_sentiment_task_asks_for_its_own_form_only():
    exchange = Exchange("openai", openai_answer())
    exchange(task="sentiment", tools=[TOOL], response_format={"type": "json_object"})
    assert exchange.sent.keys() == {
        "model", "messages", "max_completion_tokens", "service_tier", "stream", "stream_options",
    }  # fmt: skip
    assert '"confidence"' in exchange.sent["messages"][0]["content"]


def test_plain_chat_is_sent_without_any_instruction_of_ours():
    exchange = Exchange("openai", openai_answer())
    exchange()
    assert exchange.sent["messages"] == [{"role": "user", "content": "Hello?"}]


# What comes back


@pytest.mark.parametrize(
    "answer",
    [
        openai_answer(
            usage={
                "prompt_tokens": 100,
                "completion_tokens": 20,
                "total_tokens": 120,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
                "completion_tokens_details": {"reasoning_tokens": 15},
            }
        ),
        responses_answer(
            usage={
                "input_tokens": 100,
                "output_tokens": 20,
                "total_tokens": 120,
                "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
                "output_tokens_details": {"reasoning_tokens": 15},
            }
        ),
        anthropic_answer(
            usage={
                "input_tokens": 10,
                "output_tokens": 20,
                "cache_read_input_tokens": 60,
                "cache_creation_input_tokens": 30,
                "output_tokens_details": {"thinking_tokens": 15},
            }
        ),
    ],
    ids=["openai", "responses", "anthropic"],
)
def test_cached_tokens_are_a_part_of_their_own_wherever_the_provider_counts_them(answer, request):
    completion = Exchange(request.node.callspec.id, answer)()
    assert completion.usage == Usage(
        input_tokens=10,
        cached_input_tokens=60,
        cache_write_tokens=30,
        output_tokens=20,
        reasoning_tokens=15,
    )


def test_parallel_calls_of_responses_come_in_the_contracts_form():
    call = {"type": "function_call", "id": "fc_1", "name": "get_weather", "arguments": "{}"}
    calls = [call | {"call_id": "call_1"}, call | {"call_id": "call_2"}]
    completion = Exchange("responses", responses_answer(output=calls))()
    assert [made.id for made in completion.tool_calls] == ["call_1", "call_2"]
    assert completion.finish_reason == "tool_calls"


def test_an_incomplete_response_is_cut_off():
    answer = responses_answer(
        status="incomplete", incomplete_details={"reason": "max_output_tokens"}
    )
    completion = Exchange("responses", answer)()
    assert (completion.text, completion.finish_reason) == ("Hi", "length")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("server_error", errors.ProviderUnavailable),
        ("rate_limit_exceeded", errors.ProviderThrottled),
        ("invalid_prompt", errors.ContentFiltered),
        ("bio_policy", errors.ContentFiltered),
        ("chem_policy", errors.ContentFiltered),
        ("image_too_large", errors.InvalidRequest),
        ("project_spend_limit_exceeded", errors.ProviderQuotaExhausted),
        ("a_new_one", errors.RequestDoubted),
        (None, errors.ProviderBadResponse),
    ],
)
def test_a_failed_response_says_by_its_code_what_it_was(code, error):
    answer = responses_answer(status="failed", output=[], error={"code": code, "message": "No."})
    assert type(raised_by(Exchange("responses", answer))) is error


@pytest.mark.parametrize(
    ("provider", "answer"),
    [
        ("openai", openai_answer(usage=None)),
        ("openai", openai_answer(usage={"prompt_tokens": "many"})),
        ("openai", openai_answer(usage={"prompt_tokens": -1, "completion_tokens": 1})),
        ("responses", responses_answer(usage={"input_tokens": -1})),
        ("anthropic", anthropic_answer(usage=None)),
    ],
)
def test_an_answer_without_readable_usage_is_kept(provider, answer):
    completion = Exchange(provider, answer)()
    assert completion.usage is None
    assert completion.text == "Hi"


def test_unknown_fields_and_blocks_are_no_error():
    openai = Exchange("openai", openai_answer(surprise=[1]))()
    content = [{"type": "thinking", "thinking": "…"}, {"type": "text", "text": "Hi"}]
    anthropic = Exchange("anthropic", anthropic_answer(content=content))()
    assert (openai.text, openai.finish_reason) == ("Hi", "stop")
    assert (anthropic.text, anthropic.finish_reason) == ("Hi", "stop")


def test_a_forced_call_of_openai_ends_as_a_tool_call():
    message = {"content": None, "tool_calls": [TOOL_CALL]}
    assert Exchange("openai", openai_answer(message=message))().finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("provider", "answer"),
    [
        ("openai", openai_answer(finish="content_filter")),
        ("openai", openai_answer(message={"content": None, "refusal": "I can't."})),
        (
            "responses",
            responses_answer(output=[{"type": "message", "content": [{"type": "refusal"}]}]),
        ),
        (
            "responses",
            responses_answer(status="incomplete", incomplete_details={"reason": "content_filter"}),
        ),
        ("anthropic", anthropic_answer(stop_reason="refusal")),
    ],
)
def test_a_refusal_on_policy_is_content_filtered(provider, answer):
    assert isinstance(raised_by(Exchange(provider, answer)), errors.ContentFiltered)


@pytest.mark.parametrize("provider", ADAPTERS)
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b"<html>", b'{"choices": [], "content": 1}', b"\xff"]
)
def test_a_body_that_is_no_answer_is_a_bad_response(provider, body):
    for content_type in ("application/json", "text/html"):
        reply = httpx2.Response(200, content=body, headers={"content-type": content_type})
        error = raised_by(Exchange(provider, reply))
        assert type(error) is errors.ProviderBadResponse


@pytest.mark.parametrize("provider", ADAPTERS)
def test_a_trickling_answer_ends_with_the_timeout(provider):
    def trickle():
        for _ in range(100):
            time.sleep(0.05)
            yield b" "

    exchange = Exchange(provider, httpx2.Response(200, content=trickle()))
    began = time.monotonic()
    assert isinstance(raised_by(exchange, timeout_s=0.2), errors.ProviderTimeout)
    assert time.monotonic() - began < 1
