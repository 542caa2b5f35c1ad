"""Python frameworks on top of OpenAI's client, by Chat Completions and by Responses."""

import asyncio
import json

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.conftest import PROJECT
from tests.support.client_answers import CITY, SUNNY
from tests.support.client_process import CLIENTS_PYTHON, output_of_client
from tests.support.held_exchange import SHORT
from tests.support.openai_clients import CITIES, MODEL, City, get_weather

pytestmark = pytest.mark.xdist_group("billed")

BOTH = "What is the weather in both?"
PATHS = {"chat": "/chat/completions", "responses": "/responses"}


@pytest.fixture(params=PATHS)
def interface(request, door):
    """All that passes goes by its path."""
    yield request.param
    assert {one.path for one in door.passed} == {PATHS[request.param]}


@pytest.fixture
def langchain(door, billed, interface):
    return ChatOpenAI(
        model=MODEL,
        base_url=door.base_url,
        api_key=billed.api_key,
        max_retries=0,
        use_responses_api=interface == "responses",
    )


def test_langchain_asks_and_streams(langchain):
    whole = langchain.invoke("Hello")
    assert whole.text == SHORT
    assert whole.usage_metadata["output_tokens"] > 0
    chunks = list(langchain.stream("Hello"))
    assert "".join(one.text for one in chunks) == SHORT


def test_langchain_calls_tools_and_tells_their_results(langchain):
    tools = langchain.bind_tools([get_weather])
    asked = tools.invoke(BOTH)
    assert [one["args"] for one in asked.tool_calls] == CITIES
    results = [ToolMessage("sunny", tool_call_id=one["id"]) for one in asked.tool_calls]
    assert tools.invoke([HumanMessage(BOTH), asked, *results]).text == SUNNY


def test_langchain_gets_a_model_of_pydantic(langchain):
    assert langchain.with_structured_output(City).invoke("Bern as JSON") == City(**CITY)


@pytest.fixture
def pydantic_ai(door, billed, interface):
    kinds = {"chat": OpenAIChatModel, "responses": OpenAIResponsesModel}
    provider = OpenAIProvider(base_url=door.base_url, api_key=billed.api_key)
    return kinds[interface](MODEL, provider=provider)


def test_pydantic_ai_asks(pydantic_ai):
    told = Agent(pydantic_ai, instructions="Be brief.").run_sync("Hello")
    assert told.output == SHORT
    assert told.usage.output_tokens > 0


async def _streamed(agent):
    async with agent.run_stream("Hello") as stream:
        return [one async for one in stream.stream_text(delta=True)]


def test_pydantic_ai_streams(pydantic_ai):
    assert "".join(asyncio.run(_streamed(Agent(pydantic_ai)))) == SHORT


def test_pydantic_ai_calls_tools_and_tells_their_results(pydantic_ai):
    called = []

    def get_weather(city: str) -> str:
        """The weather in a city."""
        called.append({"city": city})
        return "sunny"

    assert Agent(pydantic_ai, tools=[get_weather]).run_sync(BOTH).output == SUNNY
    assert sorted(called, key=str) == sorted(CITIES, key=str)


def test_pydantic_ai_gets_a_model_of_pydantic(pydantic_ai):
    told = Agent(pydantic_ai, output_type=City).run_sync("Bern as data")
    assert told.output == City(**CITY)


def test_llama_index_asks_streams_calls_tools_and_gets_a_model_of_pydantic(door, billed):
    program = PROJECT / "tests/e2e/llama_index_client.py"
    told = output_of_client(CLIENTS_PYTHON, program, BASE_URL=door.base_url, API_KEY=billed.api_key)
    expected = {"whole": SHORT, "streamed": SHORT, "calls": CITIES, "city": CITY}
    assert json.loads(told) == {"chat": expected, "responses": expected}
    assert {one.path for one in door.passed} == set(PATHS.values())
