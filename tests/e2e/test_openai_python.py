"""OpenAI's Python client, with only its `base_url` and `api_key` changed, by Chat Completions."""

import asyncio
import json

import pytest
import requests
from openai import AsyncOpenAI, OpenAI

from tests.support.client_answers import CITY, SUNNY
from tests.support.held_exchange import SHORT
from tests.support.openai_clients import (
    CITIES,
    MODEL,
    PIXEL,
    WEATHER_PARAMETERS,
    City,
    arguments_of,
    asked_last,
    user,
)

pytestmark = pytest.mark.xdist_group("billed")

WEATHER = {"type": "function",
           "function": {"name": "get_weather", "strict": True, "parameters": WEATHER_PARAMETERS}}  # fmt: skip
BOTH = "What is the weather in both?"


@pytest.fixture
def client(door, billed):
    with OpenAI(base_url=door.base_url, api_key=billed.api_key, max_retries=0) as made:
        yield made


def _chat(client, content="Hello", **more):
    return client.chat.completions.create(**{"model": MODEL, "messages": user(content)} | more)


def test_a_chat_tells_its_answer_why_it_ended_and_what_it_used(client, door):
    completion = _chat(client)
    [choice] = completion.choices
    assert (choice.message.content, choice.finish_reason) == (SHORT, "stop")
    assert completion.model == MODEL
    usage = completion.usage
    assert usage.prompt_tokens > 0 < usage.completion_tokens
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details.cached_tokens == 0
    assert usage.completion_tokens_details.reasoning_tokens == 0
    [passed] = door.passed
    assert passed.headers["x-request-id"] == completion._request_id
    assert passed.headers["x-model"] == MODEL
    assert passed.headers["x-provider"] == "openai"
    assert float(passed.headers["x-cost-usd"]) > 0
    assert passed.headers["x-fallbacks"] == "0"
    assert completion.to_dict()["routing"]["selected_model"] == MODEL


@pytest.mark.parametrize("model", ["auto", "auto:cheap", f"openai/{MODEL}"])
def test_a_model_is_chosen_or_named_with_its_provider(client, model):
    completion = _chat(client, model=model)
    assert completion.choices[0].message.content
    assert model.startswith("auto") or completion.model == MODEL


def test_our_own_fields_ride_in_the_extra_body(client, door):
    completion = _chat(
        client, model="auto", extra_body={"models": [MODEL], "max_cost_usd": 1, "explain": True}
    )
    assert completion.model == MODEL
    assert completion.to_dict()["routing"]["candidates"]
    assert "x-dropped-parameters" not in door.passed[0].headers


def test_what_is_not_known_is_ignored_and_listed(client, door):
    _chat(client, prompt_cache_key="k", extra_body={"made_up": 1})
    dropped = door.passed[0].headers["x-dropped-parameters"].split(", ")
    assert "made_up" in dropped


def test_turns_and_instructions_reach_the_provider_in_their_order(client, exchange):
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": "Speak of Bern."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello, too"},
        {"role": "user", "content": "And now?"},
    ]
    assert _chat(client, messages=turns).choices[0].message.content == SHORT
    first, *said = asked_last(exchange)["messages"]
    assert first["content"].index("Be brief.") < first["content"].index("Speak of Bern.")
    assert [(one["role"], one["content"]) for one in said] == [
        (one["role"], one["content"]) for one in turns[2:]
    ]


def test_an_image_reaches_the_provider(client, exchange):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]
    assert _chat(client, parts).choices[0].message.content == SHORT
    assert PIXEL in json.dumps(asked_last(exchange)["messages"])


def test_two_tools_are_called_at_once_and_their_results_go_back(client):
    first = _chat(client, BOTH, tools=[WEATHER])
    [choice] = first.choices
    assert choice.finish_reason == "tool_calls"
    assert arguments_of(choice.message.tool_calls) == CITIES
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        for call in choice.message.tool_calls
    ]
    second = _chat(
        client, messages=[*user(BOTH), choice.message.to_dict(), *results], tools=[WEATHER]
    )
    assert second.choices[0].message.content == SUNNY
    assert second.choices[0].finish_reason == "stop"


ONE = {"type": "function", "function": {"name": "get_weather"}}
ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [ONE]}}
OTHER = {"type": "function", "function": {"name": "get_time", "parameters": WEATHER_PARAMETERS}}


@pytest.mark.parametrize("choice", ["auto", "none", "required", ONE], ids=str)
def test_each_choice_of_tools_reaches_the_provider(client, exchange, choice):
    completion = _chat(client, tools=[WEATHER], tool_choice=choice, parallel_tool_calls=False)
    assert completion.choices[0].message.content == SHORT
    asked = asked_last(exchange)
    assert asked.get("tool_choice", "auto") == choice
    assert choice == "none" or asked["parallel_tool_calls"] is False


def test_only_the_allowed_tools_may_be_called(client, exchange):
    completion = _chat(client, BOTH, tools=[OTHER, WEATHER], tool_choice=ALLOWED)
    assert arguments_of(completion.choices[0].message.tool_calls) == CITIES
    asked = asked_last(exchange)
    assert asked.get("tool_choice") == ALLOWED or [
        one["function"]["name"] for one in asked["tools"]
    ] == ["get_weather"]


def test_an_answer_keeps_to_a_schema_and_is_parsed(client):
    completion = client.chat.completions.parse(
        model=MODEL, messages=user("Bern as JSON"), response_format=City
    )
    assert completion.choices[0].message.parsed == City(**CITY)


def test_an_answer_may_be_any_json(client):
    completion = _chat(client, "Bern as JSON", response_format={"type": "json_object"})
    assert json.loads(completion.choices[0].message.content) == CITY


def test_a_stream_tells_its_usage_only_where_it_is_asked_to(client, door):
    chunks = list(_chat(client, stream=True))
    assert "".join(one.choices[0].delta.content or "" for one in chunks) == SHORT
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(one.usage is None for one in chunks)
    *chunks, last = _chat(client, stream=True, stream_options={"include_usage": True})
    assert last.choices == []
    assert last.usage.completion_tokens > 0
    assert all(one.usage is None for one in chunks)
    assert {one.headers["x-stream-mode"] for one in door.passed} == {"buffered"}


def test_a_stream_tells_calls_in_pieces(client):
    with client.chat.completions.stream(
        model=MODEL, messages=user(BOTH), tools=[WEATHER]
    ) as stream:
        completion = stream.get_final_completion()
    [choice] = completion.choices
    assert choice.finish_reason == "tool_calls"
    assert arguments_of(choice.message.tool_calls) == CITIES


def test_the_asynchronous_client_gets_the_same(door, billed):
    async def asked():
        async with AsyncOpenAI(base_url=door.base_url, api_key=billed.api_key) as client:
            whole = await _chat(client)
            stream = await _chat(client, stream=True)
            parts = [one.choices[0].delta.content or "" async for one in stream]
            models = [one.id async for one in client.models.list()]
            return whole.choices[0].message.content, "".join(parts), models

    whole, streamed, models = asyncio.run(asked())
    assert whole == streamed == SHORT
    assert MODEL in models


def test_the_models_are_listed_and_one_is_told(client):
    models = client.models.list().data
    assert MODEL in [one.id for one in models]
    assert client.models.retrieve(MODEL).owned_by == "openai"


@pytest.mark.parametrize("stream", [False, True])
def test_a_body_of_responses_is_understood_as_cursor_sends_it(door, billed, stream):
    body = {"model": MODEL, "input": user("Hello"), "stream": stream}
    bearer = {"Authorization": f"Bearer {billed.api_key}"}
    requests.post(f"{door.base_url}/chat/completions", json=body, headers=bearer, timeout=60)
    [passed] = door.passed
    assert passed.is_stream is stream
    assert "weather" in passed.text
