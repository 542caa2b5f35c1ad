"""OpenAI's Python client by Responses, answered at once and in the background."""

import asyncio
import json
import time

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from local.faults.exchange import marked
from tests.support.api_calls import eventually, get
from tests.support.client_answers import CITY, SUNNY
from tests.support.held_exchange import SHORT
from tests.support.openai_clients import (
    CITIES,
    MODEL,
    PIXEL,
    WEATHER_PARAMETERS,
    City,
    asked_last,
)

pytestmark = pytest.mark.xdist_group("billed")

WEATHER = {"type": "function", "name": "get_weather", "strict": True,
           "parameters": WEATHER_PARAMETERS}  # fmt: skip
BOTH = "What is the weather in both?"
RUNNING = ("queued", "in_progress")


@pytest.fixture
def client(door, billed):
    with OpenAI(base_url=door.base_url, api_key=billed.api_key, max_retries=0) as made:
        yield made


def _asked(client, said="Hello", **more):
    return client.responses.create(model=MODEL, input=said, **more)


def _ended(client, response):
    ends = time.monotonic() + 60
    while response.status in RUNNING and time.monotonic() < ends:
        time.sleep(0.2)
        response = client.responses.retrieve(response.id)
    return response


def _calls(response):
    return [one for one in response.output if one.type == "function_call"]


def test_a_text_is_answered_with_its_usage(client, door):
    response = _asked(client)
    assert (response.output_text, response.status) == (SHORT, "completed")
    assert response.model == MODEL
    assert response.usage.input_tokens > 0 < response.usage.output_tokens
    assert response._request_id == door.passed[0].headers["x-request-id"]
    assert response.to_dict()["routing"]["provider"] == "openai"


def test_messages_and_instructions_reach_the_provider(client, exchange):
    parts = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": PIXEL, "detail": "low"},
    ]
    said = [
        {"role": "developer", "content": "Speak of Bern."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello, too"},
        {"role": "user", "content": parts},
    ]
    response = _asked(client, said, instructions="Be brief.", reasoning={"effort": "low"})
    assert response.output_text == SHORT
    first, *others = asked_last(exchange)["messages"]
    assert "Be brief." in first["content"]
    assert [one["role"] for one in others][-3:] == ["user", "assistant", "user"]
    assert PIXEL in json.dumps(others[-1])


def test_two_tools_are_called_at_once_and_their_results_go_back(client):
    first = _asked(client, BOTH, tools=[WEATHER])
    calls = _calls(first)
    assert [json.loads(one.arguments) for one in calls] == CITIES
    results = [
        {"type": "function_call_output", "call_id": one.call_id, "output": "sunny"} for one in calls
    ]
    said = [{"role": "user", "content": BOTH}, *first.to_dict()["output"], *results]
    assert _asked(client, said, tools=[WEATHER]).output_text == SUNNY


@pytest.mark.parametrize(
    "choice",
    ["auto", "none", "required", {"type": "function", "name": "get_weather"}],
    ids=str,
)
def test_each_choice_of_tools_reaches_the_provider_and_is_told_again(client, exchange, choice):
    response = _asked(client, tools=[WEATHER], tool_choice=choice)
    assert response.output_text == SHORT
    assert response.to_dict()["tool_choice"] == choice
    asked = asked_last(exchange).get("tool_choice", "auto")
    assert (asked if isinstance(asked, str) else asked["function"]["name"]) == (
        choice if isinstance(choice, str) else choice["name"]
    )


def test_an_answer_keeps_to_a_schema_and_is_parsed(client):
    response = client.responses.parse(model=MODEL, input="Bern as JSON", text_format=City)
    assert response.output_parsed == City(**CITY)


def test_a_stream_builds_the_answer_up(client, door):
    with client.responses.stream(model=MODEL, input="Hello") as stream:
        kinds = [one.type for one in stream]
        assert stream.get_final_response().output_text == SHORT
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert door.passed[0].headers["x-stream-mode"] == "buffered"


def test_a_stream_builds_calls_up(client):
    with client.responses.stream(model=MODEL, input=BOTH, tools=[WEATHER]) as stream:
        done = [one for one in stream if one.type == "response.function_call_arguments.done"]
        assert [json.loads(one.arguments) for one in _calls(stream.get_final_response())] == CITIES
    assert [json.loads(one.arguments) for one in done] == CITIES


def test_a_response_of_the_background_is_a_job_that_the_client_polls(client, billed):
    submitted = _asked(client, background=True)
    assert submitted.status in RUNNING
    ended = _ended(client, submitted)
    assert (ended.id, ended.status, ended.output_text) == (submitted.id, "completed", SHORT)
    assert ended.background is True
    again = client.responses.cancel(submitted.id)
    assert again.status == "completed"


def test_a_kept_response_is_gone_on_from(client, exchange):
    kept = _ended(client, _asked(client, "My name is Ada.", background=True))
    response = _asked(client, "Who am I?", previous_response_id=kept.id)
    assert response.previous_response_id == kept.id
    said = [(one["role"], one["content"]) for one in asked_last(exchange)["messages"]]
    assert said[-3:] == [
        ("user", "My name is Ada."),
        ("assistant", SHORT),
        ("user", "Who am I?"),
    ]


def test_a_response_that_is_not_kept_cannot_be_gone_on_from(client):
    gone = _asked(client)
    with pytest.raises(openai.BadRequestError, match="previous_response_id"):
        _asked(client, "Go on", previous_response_id=gone.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(gone.id)


def test_a_running_response_is_cancelled(client, held, books, billed):
    mark = "cancelled.well"
    submitted = _asked(client, marked("Hello", mark), background=True)
    assert eventually(lambda: held.of(mark))
    cancelled = client.responses.cancel(submitted.id)
    held.free.set()
    assert cancelled.id == submitted.id
    assert _ended(client, cancelled).status == "cancelled"
    request_id = submitted._request_id

    def row():
        books.tell_of_end(request_id)
        return get(billed, f"/requests/{request_id}").ok

    assert eventually(row)
    books.assert_settled()


def test_another_callers_response_is_not_found(client, billed, door):
    submitted = _asked(client, background=True)
    with (
        OpenAI(base_url=door.base_url, api_key=billed.other_api_key, max_retries=0) as other,
        pytest.raises(openai.NotFoundError),
    ):
        other.responses.retrieve(submitted.id)
    assert _ended(client, submitted).status == "completed"


def test_the_asynchronous_client_gets_the_same(door, billed):
    async def asked():
        async with AsyncOpenAI(base_url=door.base_url, api_key=billed.api_key) as client:
            whole = await _asked(client)
            async with client.responses.stream(model=MODEL, input="Hello") as stream:
                streamed = await stream.get_final_response()
            return whole.output_text, streamed.output_text

    assert asyncio.run(asked()) == (SHORT, SHORT)
