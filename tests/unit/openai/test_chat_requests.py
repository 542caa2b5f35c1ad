"""What a body of Chat Completions becomes."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.openai.chat_request import translated_chat
from functions.shared.errors import InvalidRequest
from tests.support.builders import TOOL, TOOL_CALL
from tests.support.translations import Translation

HELLO = [{"role": "user", "content": "Hello"}]
CUSTOM = {"type": "custom", "custom": {"name": "patch", "description": "Patches"}}


translation = Translation(translated_chat, {"model": "auto", "messages": HELLO})
translated, native, problems = translation.translated, translation.native, translation.problems


@pytest.mark.parametrize(
    ("model", "models", "asked"),
    [
        ("auto", None, {}),
        ("auto:fast", None, {"model_preference": "fast"}),
        ("auto:cheap", ["gpt-4o", "openai/gpt-5"], {"model_preference": "cheap", "models": ["gpt-4o", "gpt-5"]}),
        ("gpt-4o", None, {"model": "gpt-4o"}),
        ("openai/gpt-4o", None, {"model": "gpt-4o"}),
        ("azure_openai/gpt-4o", None, {"model": "azure-gpt-4o"}),
        ("azure_openai/azure-gpt-4o", None, {"model": "azure-gpt-4o"}),
        ("anthropic/gpt-4o", None, {"model": "anthropic/gpt-4o"}),
        ("bedrock/us.amazon.nova-lite-v1:0", None, {"model": "bedrock-nova-lite"}),
        ("auto", ["gpt-4o"], {"models": ["gpt-4o"]}),
        ("gpt-5", ["gpt-4o", "gpt-5"], {"models": ["gpt-5", "gpt-4o"]}),
        ("none-such", None, {"model": "none-such"}),
    ],
)  # fmt: skip
def test_a_model_is_named_in_many_ways(model, models, asked):
    told = native(model=model, **({"models": models} if models else {}))
    assert {name: told[name] for name in told if name.startswith("model")} == asked


@pytest.mark.parametrize("model", ["auto:dear", "auto:", "", 7, None])
def test_a_model_that_is_no_name_is_refused(model):
    assert problems(model=model).keys() == {"model"} if model != "auto:" else True


def test_what_both_routes_know_goes_through_as_it_is():
    same = {
        "temperature": 0.5, "top_p": 0.9, "stop": ["END"], "seed": 7, "presence_penalty": 1,
        "frequency_penalty": -1, "logit_bias": {"50256": -100}, "parallel_tool_calls": False,
        "reasoning_effort": "low", "verbosity": "high", "user": "u-1", "service_tier": "auto", "n": 1,
        "task": "code", "max_cost_usd": 0.25, "max_latency_ms": 9000, "session_id": "s-1",
        "explain": True, "metadata": {"team": "red"}, "cache_ttl_seconds": 60, "fallback": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
        "tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    }  # fmt: skip
    assert native(**same) == {"messages": HELLO} | same


def test_a_limit_is_one_by_either_of_its_names():
    assert native(max_tokens=9)["max_output_tokens"] == 9
    assert native(max_completion_tokens=9)["max_output_tokens"] == 9
    assert native(max_completion_tokens=9, max_tokens=9)["max_output_tokens"] == 9
    assert "one limit" in problems(max_completion_tokens=9, max_tokens=8)["body"]


def test_what_is_unknown_is_ignored_and_listed_wherever_it_stands():
    asked = translated(
        messages=[
            {"role": "system", "content": "Be brief", "name": "boss"},
            {"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "x"}}]},
            {"role": "assistant", "content": None, "refusal": None, "annotations": [],
             "tool_calls": [{**TOOL_CALL, "index": 0}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Sunny", "name": "get_weather"},
        ],
        tools=[TOOL | {"cache": 1}],
        logprobs=True,
        prompt_cache_key="k",
        safety_identifier=None,
    )  # fmt: skip
    assert asked.ignored == [
        "logprobs", "messages.0.name", "messages.1.content.0.cache_control",
        "messages.2.tool_calls.0.index", "messages.3.name", "prompt_cache_key", "tools.0.cache",
    ]  # fmt: skip
    assert asked.request["messages"] == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "assistant", "tool_calls": [TOOL_CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"},
    ]
    assert asked.request["tools"] == [TOOL]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"n": 2}, "n"),
        ({"audio": {"voice": "x", "format": "mp3"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities.1"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        ({"web_search_options": {"search_context_size": "low"}}, "web_search_options"),
        ({"tools": [TOOL, {"type": "web_search"}]}, "tools.1.type"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "tools.0.type"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages.0.content.0"),
        ({"messages": []}, "messages"),
        ({"temperature": 3}, "temperature"),
        ({"tool_choice": {"type": "web_search"}, "tools": [TOOL]}, "tool_choice"),
        ({"stream": "yes"}, "stream"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_at_its_place(body, field):
    assert any(one.startswith(field) for one in problems(**body)), problems(**body)


@pytest.mark.parametrize("body", [None, 7, "text", [], [1], {}, {"messages": {}}])
def test_a_body_that_is_none_is_refused(body):
    with pytest.raises(InvalidRequest):
        translated_chat(body)


def test_a_choice_among_no_tools_says_nothing():
    for choice in ("auto", "none"):
        assert native(tool_choice=choice, tools=[]).keys() == {"messages"}
    assert native(tool_choice="required", tools=[TOOL])["tool_choice"] == "required"


def test_a_tool_that_takes_a_text_is_a_function_with_one_argument():
    asked = translated(
        tools=[TOOL, CUSTOM], tool_choice={"type": "custom", "custom": {"name": "patch"}}
    )
    assert asked.custom_tools == ["patch"]
    assert asked.request["tools"][1]["function"]["parameters"]["required"] == ["input"]
    assert asked.request["tool_choice"] == {"type": "function", "function": {"name": "patch"}}
    call = {"id": "c", "type": "custom", "custom": {"name": "patch", "input": 'a "b"\n'}}
    messages = [*HELLO, {"role": "assistant", "tool_calls": [call]}]
    told = native(messages=messages, tools=[CUSTOM])["messages"][1]["tool_calls"][0]
    assert told["function"] == {"name": "patch", "arguments": '{"input": "a \\"b\\"\\n"}'}


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "function", "function": {"name": "get_weather"}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
            {"type": "function", "function": {"name": "get_weather"}},
        ]}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
            {"type": "custom", "custom": {"name": "patch"}},
        ]}},
    ],
    ids=str,
)  # fmt: skip
def test_every_choice_of_tools_goes_through(choice):
    told = native(tool_choice=choice, tools=[TOOL, CUSTOM])["tool_choice"]
    assert json.loads(json.dumps(told).replace('"custom"', '"function"')) == json.loads(
        json.dumps(choice).replace('"custom"', '"function"')
    )


def test_a_stream_and_its_usage_are_asked_for_apart():
    assert not translated().is_streamed
    assert translated(stream=True).is_streamed
    assert not translated(stream=True).tells_usage
    assert translated(stream=True, stream_options={"include_usage": True}).tells_usage


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["model", "models", "messages", "tools", "tool_choice", "response_format", "stop", "stream_options",
     "metadata", "logit_bias", "n", "store", "x"]
)  # fmt: skip


@given(body=st.dictionaries(NAMES, JSON, max_size=5), also=JSON)
def test_whatever_is_sent_is_understood_or_refused_and_left_as_it_was(body, also):
    sent = {"model": "auto", "messages": [{"role": "user", "content": "Hi", "x": also}]} | body
    before = repr(sent)
    with suppress(InvalidRequest):
        assert translated_chat(sent).model == sent["model"]
    assert repr(sent) == before
