import json
from decimal import Decimal
from typing import Any

import pytest

from functions.classify.parsing import MAX_REQUEST_BYTES, parse_request
from functions.shared.contracts.states import ClassifyInput
from functions.shared.errors import InvalidRequest, PayloadTooLarge


def test_a_text_alone_gets_the_contracts_defaults():
    request = parse_request({"text": "Hello"})
    assert (request.task, request.model_preference) == ("auto", "balanced")
    assert (request.falls_back, request.cache_ttl_seconds) == (True, None)


@pytest.mark.parametrize(
    ("told", "falls_back"),
    [
        ({"model": "gpt-4o"}, True),
        ({"model": "gpt-4o", "fallback": False}, False),
        ({"models": ["gpt-4o"]}, False),
        ({"models": ["gpt-4o"], "fallback": True}, True),
    ],
)
def test_a_list_of_models_is_all_that_is_asked_unless_the_request_says_otherwise(told, falls_back):
    assert parse_request({"text": "x", **told}).falls_back is falls_back


@pytest.mark.parametrize(
    ("told", "field", "problem"),
    [
        ({"models": []}, "models", "must not be empty"),
        ({"models": [f"m{index}" for index in range(9)]}, "models", "must have at most 8 entries"),
        ({"models": ["a", "b", "a"]}, "models", "names a model twice"),
        ({"models": ["a", ""]}, "models.1", "must not be empty"),
        ({"models": "a"}, "models", "must be a list"),
        ({"models": ["a"], "model": "b"}, "body", "model and models exclude each other"),
    ],
)
def test_a_list_of_models_that_cannot_be_followed_is_refused(told, field, problem):
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"text": "x", **told})
    assert caught.value.details == [{"field": field, "problem": problem}]


def test_money_is_read_without_passing_through_binary():
    assert parse_request({"text": "x", "max_cost_usd": 0.1}).max_cost_usd == Decimal("0.1")


LOOK: Any = {"type": "function", "function": {"name": "look"}}
NAMED: Any = {"type": "function", "function": {"name": "look"}}
OTHER: Any = {"type": "function", "function": {"name": "other"}}
ARRAY: Any = {"type": "function", "function": {"name": "look", "parameters": {"type": "array"}}}
ALLOWED: Any = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED]}}
ALLOWS_NONE: Any = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}


@pytest.mark.parametrize(
    ("choice", "read"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("any", "required"),
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        (NAMED, NAMED),
        ({"type": "function", "name": "look"}, NAMED),
        ({"type": "tool", "name": "look"}, NAMED),
        (ALLOWED, ALLOWED),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "look"}],
            },
            ALLOWED,
        ),
    ],
)
def test_a_tool_choice_is_read_in_every_form_that_sdks_write(choice, read):
    request = parse_request({"text": "a", "tools": [LOOK], "tool_choice": choice})
    assert request.model_dump(include={"tool_choice"}) == {"tool_choice": read}


def test_a_single_sequence_to_stop_at_is_a_list_of_one():
    assert parse_request({"text": "a", "stop": "END"}).stop == ["END"]


def test_a_limit_of_tokens_has_two_names():
    assert parse_request({"text": "a", "max_tokens": 5}).output_limit == 5
    assert parse_request({"text": "a", "max_tokens": 5, "max_output_tokens": 5}).output_limit == 5


def test_what_a_request_is_about_is_the_users_last_word_and_no_instruction():
    said: Any = [
        {"role": "user", "content": "What?"},
        {"role": "assistant", "content": None},
        {"role": "developer", "content": "Be brief."},
    ]
    request = parse_request({"messages": said})
    assert request.prompt == "What?"
    assert request.instructions == ["Be brief."]
    assert [message.text for message in request.conversation] == ["What?"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ("text", "body"),
        (None, "body"),
        ({}, "body"),
        ({"text": "a", "messages": [{"role": "user", "content": "b"}]}, "body"),
        ({"text": ""}, "text"),
        ({"text": " \n\t"}, "text"),
        ({"text": 7}, "text"),
        ({"text": ["a"]}, "text"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [7]}]}, "messages.0.content.0"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages.0.content.0.image_url.url",
        ),
        ({"messages": [{"role": "robot", "content": "a"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages.0.content"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages.0"),
        ({"text": "a", "task": "translate"}, "task"),
        ({"text": "a", "task": None}, "task"),
        ({"text": "a", "model_preference": "cheapest"}, "model_preference"),
        ({"text": "a", "max_cost_usd": "1"}, "max_cost_usd"),
        ({"text": "a", "max_cost_usd": 0}, "max_cost_usd"),
        ({"text": "a", "max_cost_usd": -1}, "max_cost_usd"),
        ({"text": "a", "max_cost_usd": True}, "max_cost_usd"),
        ({"text": "a", "max_latency_ms": 1.5}, "max_latency_ms"),
        ({"text": "a", "max_latency_ms": 0}, "max_latency_ms"),
        ({"text": "a", "fallback": "no"}, "fallback"),
        ({"text": "a", "temperature": 3}, "temperature"),
        ({"text": "a", "temperature": float("inf")}, "temperature"),
        ({"text": "a", "max_output_tokens": 0}, "max_output_tokens"),
        ({"text": "a", "tools": []}, "tools"),
        ({"text": "a", "tools": [{"type": "function"}]}, "tools.0.function"),
        ({"text": "a", "tool_choice": "auto"}, "body"),
        ({"text": "a", "response_format": "json_object"}, "response_format"),
        ({"text": "a", "response_format": {"type": "json_schema"}}, "response_format"),
        ({"text": "a", "cache_ttl_seconds": -1}, "cache_ttl_seconds"),
        ({"text": "a", "metadata": {"a": 1}}, "metadata.a"),
        ({"text": "a", "metadata": {str(n): "v" for n in range(17)}}, "metadata"),
        ({"text": "a", "prompt": "b"}, "prompt"),
        ({"text": "a", "max_tokens": 1, "max_output_tokens": 2}, "body"),
        ({"text": "a", "max_tokens": 0}, "max_tokens"),
        ({"text": "a", "n": 2}, "n"),
        ({"text": "a", "top_p": 1.1}, "top_p"),
        ({"text": "a", "stop": 7}, "stop"),
        ({"text": "a", "stop": ["a", 7]}, "stop.1"),
        ({"text": "a", "stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"text": "a", "seed": 1.5}, "seed"),
        ({"text": "a", "seed": 2**63}, "seed"),
        ({"text": "a", "presence_penalty": 2.1}, "presence_penalty"),
        ({"text": "a", "frequency_penalty": "1"}, "frequency_penalty"),
        ({"text": "a", "logit_bias": {"word": 1}}, "logit_bias.word"),
        ({"text": "a", "logit_bias": {"1": 101}}, "logit_bias"),
        ({"text": "a", "logit_bias": {"1": "2"}}, "logit_bias"),
        ({"text": "a", "logit_bias": {"1": True}}, "logit_bias"),
        ({"text": "a", "parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"text": "a", "reasoning_effort": "ultra"}, "reasoning_effort"),
        ({"text": "a", "verbosity": "none"}, "verbosity"),
        ({"text": "a", "user": 7}, "user"),
        ({"text": "a", "service_tier": 1}, "service_tier"),
        ({"text": "a", "tools": [LOOK], "tool_choice": "maybe"}, "tool_choice"),
        ({"text": "a", "tools": [LOOK], "tool_choice": {"type": "web_search"}}, "tool_choice.type"),
        (
            {"text": "a", "tools": [LOOK], "tool_choice": ALLOWS_NONE},
            "tool_choice.allowed_tools.tools",
        ),
        ({"text": "a", "tools": [LOOK], "tool_choice": OTHER}, "body"),
        ({"text": "a", "tools": [ARRAY]}, "tools.0.function.parameters"),
        ({"messages": [{"role": "assistant", "content": ""}]}, "body"),
        ({"messages": [{"role": "developer", "content": ""}]}, "messages.0"),
        ({"messages": [{"role": "user", "content": []}]}, "messages.0"),
    ],
)
def test_a_bad_body_is_refused_by_the_name_of_its_field(body, field):
    with pytest.raises(InvalidRequest) as caught:
        parse_request(body)
    assert field in {detail["field"] for detail in caught.value.details}


def test_the_refusal_never_repeats_the_callers_text():
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"text": ["my secret diary"]})
    assert "diary" not in str(caught.value)


@pytest.mark.parametrize("letter", ["a", "é", "\n", "😀"])
def test_a_body_just_over_the_limit_is_too_large_and_one_at_it_is_not(letter):
    per_letter = len(json.dumps(letter, ensure_ascii=False).encode()) - 2
    fitting = (MAX_REQUEST_BYTES - len(json.dumps({"text": "x"}))) // per_letter
    body = {"text": "x" + letter * fitting}
    assert parse_request(body).text == body["text"]
    with pytest.raises(PayloadTooLarge):
        parse_request({"text": body["text"] + letter * 2})


def test_metadata_counts_twice_as_the_profile_takes_it_along():
    metadata: Any = {"a": "x" * 500}
    counted = 2 * len(json.dumps(metadata)) + len(json.dumps({"text": "", "metadata": ""})) - 2
    text = "x" * (MAX_REQUEST_BYTES - counted)
    assert parse_request({"text": text, "metadata": metadata}).metadata == metadata
    with pytest.raises(PayloadTooLarge):
        parse_request({"text": text + "x", "metadata": metadata})


def test_a_request_that_grows_by_what_was_left_out_is_measured_as_it_is_handed_on():
    call = {"id": "c", "function": {"name": "f", "arguments": ""}}
    turns: Any = [{"role": "assistant", "tool_calls": [call] * 100}] * 26
    body: Any = {"messages": [{"role": "user", "content": "x"}, *turns]}
    assert len(json.dumps(body)) < MAX_REQUEST_BYTES
    with pytest.raises(PayloadTooLarge):
        parse_request({**body, "system": "x" * 20_000})
    assert parse_request({"messages": body["messages"][:20]})


def test_a_deeply_nested_body_passes_the_envelope_and_is_refused_as_the_callers_error():
    nested: Any = {"text": "a", "x": {}}
    for _ in range(600):
        nested["x"] = {"a": nested["x"]}
    event = ClassifyInput(
        request=nested, request_id="req_1", caller_id="k", mode="sync", started_at="2026-11-24"
    )
    with pytest.raises(InvalidRequest):
        parse_request(event.request)


def test_a_deeply_nested_schema_is_the_callers_error():
    schema: Any = {}
    for _ in range(600):
        schema = {"items": schema}
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": schema}}
    with pytest.raises(InvalidRequest):
        parse_request({"text": "a", "tools": [tool]})


def test_half_a_surrogate_pair_is_replaced_wherever_a_caller_sends_it():
    call = {"id": "call_1", "function": {"name": "f", "arguments": '{"q": "\\ud83d"}'}}
    said: Any = [
        {"role": "user", "content": "cut \ud83d"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "\udc00"},
    ]
    request = parse_request(
        {"messages": said, "metadata": {"\ud83d": "\ude00"}, "system": "\ud83d"}
    )
    asked, made, result = request.messages
    assert (asked.text, result.text) == ("cut \ufffd", "\ufffd")
    assert made.tool_calls[0].function.arguments == '{"q": "\ufffd"}'
    assert (request.metadata, request.system) == ({"\ufffd": "\ufffd"}, "\ufffd")
