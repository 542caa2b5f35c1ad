"""What a body of Responses becomes."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.openai.responses_request import translated_response
from functions.shared.errors import InvalidRequest
from tests.support.builders import PARAMETERS, TOOL, TOOL_CALL
from tests.support.translations import Translation
from tests.unit.openai.test_chat_requests import JSON

FLAT = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather",
    "parameters": PARAMETERS,
}
CALL = {
    "type": "function_call", "id": "fc_1", "status": "completed",
    "call_id": "call_1", "name": "get_weather", "arguments": '{"city": "Bern"}',
}  # fmt: skip


translation = Translation(translated_response, {"model": "auto", "input": "Hello"})
translated, native, problems = translation.translated, translation.native, translation.problems


def test_a_lone_text_is_one_and_instructions_are_the_system():
    assert native(instructions="Be brief") == {"text": "Hello", "system": "Be brief"}


def test_options_have_other_places_than_the_native_ones():
    told = native(
        max_output_tokens=50,
        reasoning={"effort": "low", "summary": "auto"},
        text={
            "verbosity": "low",
            "format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}, "strict": True},
        },
        tools=[FLAT],
        tool_choice={"type": "function", "name": "get_weather"},
    )  # fmt: skip
    form = {"name": "x", "schema": {"type": "object"}, "strict": True}
    assert told == {
        "text": "Hello",
        "max_output_tokens": 50,
        "reasoning_effort": "low",
        "verbosity": "low",
        "response_format": {"type": "json_schema", "json_schema": form},
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    }


def test_items_become_messages_and_calls_in_a_row_are_one_message():
    told = native(
        input=[
            {"role": "developer", "content": "Be brief"},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "Look"},
                {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"},
            ]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "zzz"},
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [
                {"type": "output_text", "text": "Wait", "annotations": [], "logprobs": []},
            ]},
            CALL,
            {**CALL, "call_id": "call_2"},
            {"type": "function_call_output", "call_id": "call_1", "output": "Sunny"},
            {"type": "function_call_output", "call_id": "call_2",
             "output": [{"type": "input_text", "text": "Dry"}]},
            {"role": "user", "content": "And?"},
        ],
        tools=[FLAT],
    )["messages"]  # fmt: skip
    assert told == [
        {"role": "developer", "content": "Be brief"},
        {"role": "user", "content": [
            {"type": "text", "text": "Look"},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        ]},
        {"role": "assistant", "content": [{"type": "text", "text": "Wait"}],
         "tool_calls": [TOOL_CALL, {**TOOL_CALL, "id": "call_2"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "Dry"}]},
        {"role": "user", "content": "And?"},
    ]  # fmt: skip


def test_a_tool_that_takes_a_text_is_called_and_answered_like_any_other():
    asked = translated(
        tools=[{"type": "custom", "name": "patch", "format": {"type": "grammar", "definition": "start: X"}}],
        tool_choice={"type": "custom", "name": "patch"},
        input=[
            {"role": "user", "content": "Patch it"},
            {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "*** Begin"},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "Done"},
        ],
    )  # fmt: skip
    assert asked.custom_tools == ["patch"]
    assert "start: X" in asked.request["tools"][0]["function"]["description"]
    call, output = asked.request["messages"][1:]
    assert call["tool_calls"][0]["function"]["arguments"] == '{"input": "*** Begin"}'
    assert output == {"role": "tool", "tool_call_id": "c", "content": "Done"}


@pytest.mark.parametrize(
    "choice",
    [
        {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "get_weather"}],
        },
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "patch"}]},
    ],
    ids=str,
)
def test_every_choice_of_tools_goes_through(choice):
    tools = [FLAT, {"type": "custom", "name": "patch"}]
    told = native(tools=tools, tool_choice=choice)["tool_choice"]["allowed_tools"]
    named = choice["tools"][0]["name"]
    wanted = [{"type": "function", "function": {"name": named}}]
    assert told == {"mode": choice["mode"], "tools": wanted}


def test_tools_in_namespaces_and_those_that_an_item_brings_are_tools_like_any_other():
    inner = {"type": "function", "name": "spawn", "parameters": {"type": "object"}}
    asked = translated(
        tools=[FLAT, {"type": "namespace", "name": "agents", "description": "x", "tools": [inner]}],
        input=[
            {"type": "additional_tools", "role": "developer", "tools": [
                {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]},
            ]},
            {"role": "user", "content": "Go"},
            {**CALL, "name": "spawn", "namespace": "agents"},
            {"type": "function_call_output", "call_id": "call_1", "output": "ok"},
        ],
    )  # fmt: skip
    names = [one["function"]["name"] for one in asked.request["tools"]]
    assert names == ["get_weather", "agents__spawn", "functions__exec"]
    assert asked.custom_tools == ["functions__exec"]
    assert asked.own_names == {
        "agents__spawn": ["agents", "spawn"], "functions__exec": ["functions", "exec"],
    }  # fmt: skip
    assert [one["role"] for one in asked.request["messages"]] == ["user", "assistant", "tool"]
    assert asked.request["messages"][1]["tool_calls"][0]["function"]["name"] == "agents__spawn"


def test_what_was_said_before_goes_before():
    said = [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}]
    told = translated_response({"model": "auto", "input": "C"}, said).request["messages"]
    assert told == [*said, {"role": "user", "content": "C"}]


def test_what_nobody_keeps_or_does_is_ignored_and_listed():
    asked = translated(
        include=["reasoning.encrypted_content"], prompt_cache_key="k", truncation="auto",
        reasoning={"effort": "low", "summary": "auto"}, store=False, top_logprobs=3,
    )  # fmt: skip
    assert asked.ignored == [
        "include", "prompt_cache_key", "reasoning.summary", "top_logprobs", "truncation",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input.0"),
        ({"input": [{"type": "computer_call"}]}, "input.0.type"),
        ({"input": [{"type": 7}]}, "input.0.type"),
        ({"input": []}, "input"),
        ({"input": None}, "input"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input.0"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "input.0"),
        ({"tools": [{"type": "web_search_preview"}]}, "tools.0.type"),
        ({"tools": [{"type": "mcp"}]}, "tools.0.type"),
        ({"stream": True, "background": True}, "stream"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"background": "yes"}, "background"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_at_its_place(body, field):
    assert any(one.startswith(field) for one in problems(**body)), problems(**body)


ITEMS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["message", "function_call", "reasoning"]) | JSON,
            "role": st.sampled_from(["user", "assistant"]) | JSON,
            "content": JSON,
            "call_id": JSON,
        },
    ),
    max_size=3,
)


@given(told=ITEMS | JSON)
def test_whatever_is_sent_is_understood_or_refused(told):
    with suppress(InvalidRequest):
        assert {"text", "messages"} & translated(input=told).request.keys()
