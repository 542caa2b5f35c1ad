from typing import Any, get_args, get_type_hints

import pytest
from openai.types.chat import completion_create_params
from openai.types.shared import reasoning_effort

from functions.invoke_provider.called_model import called_model as model_of_catalogue
from functions.invoke_provider.providers import chat_completions, converse, messages, responses
from functions.shared.catalogue.models import load_catalogue
from functions.shared.vocabulary import Effort
from tests.support.builders import called_model, profile, prompt

ASKED: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "stop": ["END"],
    "seed": 7,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "logit_bias": {"50256": -100},
    "parallel_tool_calls": False,
    "reasoning_effort": "low",
    "verbosity": "low",
    "user": "u-1",
}
TOOL = {"type": "function", "function": {"name": "look"}}
OTHER = {"type": "function", "function": {"name": "other"}}
NAMED = {"type": "function", "function": {"name": "look"}}
INTERFACES = {
    "chat_completions": chat_completions,
    "responses": responses,
    "messages": messages,
    "converse": converse,
}


def dropped(asked):
    return {one.parameter: one.reason for one in asked.dropped}


def sent(model_id, **fields):
    model = model_of_catalogue(model_id, profile())
    asked = prompt(model, **fields)
    return INTERFACES[model.api].request_body(asked, model), dropped(asked)


def test_a_model_that_takes_everything_gets_everything_as_it_came():
    body, left_out = sent("gpt-4o", **ASKED, tools=[TOOL])
    taken = ASKED.keys() - {"reasoning_effort", "verbosity"}
    assert {name: body[name] for name in taken} == {name: ASKED[name] for name in taken}
    assert left_out.keys() == {"reasoning_effort", "verbosity"}


def test_responses_gets_what_it_takes_in_its_own_places():
    body, left_out = sent("gpt-6.1-sol", **ASKED, tools=[TOOL])
    assert body["reasoning"] == {"effort": "low"}
    assert body["text"] == {"verbosity": "low"}
    assert body["parallel_tool_calls"] is False
    assert body["user"] == "u-1"
    assert left_out.keys() == ASKED.keys() - {
        "reasoning_effort", "verbosity", "parallel_tool_calls", "user",
    }  # fmt: skip


def test_messages_gets_what_it_takes_in_its_own_words():
    body, left_out = sent("claude-opus-5-5", **ASKED, tools=[TOOL])
    assert body["stop_sequences"] == ["END"]
    assert body["metadata"] == {"user_id": "u-1"}
    assert body["output_config"] == {"effort": "low"}
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert left_out.keys() == ASKED.keys() - {
        "stop", "user", "reasoning_effort", "parallel_tool_calls",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("none", {"type": "none"}),
        ("required", {"type": "any", "disable_parallel_tool_use": True}),
        (NAMED, {"type": "tool", "name": "look", "disable_parallel_tool_use": True}),
    ],
)
def test_one_call_at_a_time_is_a_part_of_claudes_tool_choice(choice, told):
    body, _ = sent("claude-opus-5-5", tools=[TOOL], tool_choice=choice, parallel_tool_calls=False)
    assert body["tool_choice"] == told


def test_converse_gets_sampling_and_stop_where_the_model_takes_them():
    nova, left_out = sent("bedrock-nova-pro", **ASKED, tools=[TOOL])
    assert nova["inferenceConfig"] == {
        "maxTokens": nova["inferenceConfig"]["maxTokens"],
        "temperature": 0.5,
        "topP": 0.9,
        "stopSequences": ["END"],
    }
    assert left_out.keys() == ASKED.keys() - {"temperature", "top_p", "stop"}
    _, of_llama = sent("bedrock-llama4-maverick", **ASKED)
    assert "stop" in of_llama


@pytest.mark.parametrize("model", load_catalogue().models, ids=lambda model: model.id)
def test_no_model_is_sent_what_it_does_not_take_and_nothing_is_lost_in_silence(model):
    asked = prompt(model_of_catalogue(model.id, profile()), **ASKED, tools=[TOOL])
    kept = {name for name in ASKED if getattr(asked.request, name) is not None}
    taken = {*model.parameters, *model.sampling} | (
        {"reasoning_effort"} if model.efforts else set()
    )
    assert kept <= taken
    assert ASKED.keys() - kept <= dropped(asked).keys()


@pytest.mark.parametrize(
    ("model_id", "asked", "told"),
    [
        ("gpt-5", "none", "minimal"),
        ("gpt-5.1", "minimal", "none"),
        ("gpt-5.1", "max", "high"),
        ("gpt-6-sol", "max", "xhigh"),
        ("claude-opus-4-6", "xhigh", "high"),
        ("claude-opus-5-5", "none", "low"),
    ],
)
def test_an_effort_that_the_model_does_not_know_is_told_as_the_nearest(model_id, asked, told):
    body, left_out = sent(model_id, reasoning_effort=asked)
    assert (body.get("reasoning_effort") or body["output_config"]["effort"]) == told
    assert left_out["reasoning_effort"].startswith(f"{told} instead")


@pytest.mark.parametrize(
    ("model_id", "told"), [("gpt-5", "high"), ("gpt-5.4", None), ("gpt-5.6-sol", "none")]
)
def test_an_effort_beside_tools_is_told_where_the_interface_takes_it(model_id, told):
    body, left_out = sent(model_id, reasoning_effort="high", tools=[TOOL])
    assert body.get("reasoning_effort") == told
    assert ("reasoning_effort" in left_out) is (told != "high")


@pytest.mark.parametrize("tier", ["flex", "priority", "fast", "scale"])
@pytest.mark.parametrize("model_id", ["gpt-4o", "gpt-6.1-sol", "claude-opus-5-5"])
def test_a_tier_of_another_price_is_not_asked_for(tier, model_id):
    body, left_out = sent(model_id, service_tier=tier)
    assert body["service_tier"] in {"default", "standard_only"}
    assert left_out.keys() == {"service_tier"}


@pytest.mark.parametrize("tier", ["auto", "default"])
def test_the_tier_that_is_asked_for_anyway_is_not_called_dropped(tier):
    body, left_out = sent("gpt-4o", service_tier=tier, n=1)
    assert body["service_tier"] == "default"
    assert left_out == {}


@pytest.mark.parametrize("mode", ["auto", "required"])
@pytest.mark.parametrize("model_id", ["gpt-4o", "gpt-6.1-sol", "claude-opus-5-5"])
def test_only_the_allowed_tools_are_shown(mode, model_id):
    allowed = {
        "type": "allowed_tools",
        "mode": mode,
        "tools": [{"type": "function", "name": "look"}],
    }
    body, left_out = sent(model_id, tools=[TOOL, OTHER], tool_choice=allowed)
    names = [tool.get("name") or tool["function"]["name"] for tool in body["tools"]]
    assert names == ["look"]
    told = {"type": "any" if mode == "required" else "auto"}
    assert body["tool_choice"] in (mode, told)
    assert left_out.keys() == {"tool_choice"}


@pytest.mark.parametrize(("model_id", "told"), [("gpt-5.4", "original"), ("gpt-4o", "high")])
def test_the_original_detail_of_an_image_is_told_where_the_model_knows_it(model_id, told):
    image = {"url": "https://example.com/a.png", "detail": "original"}
    said = [{"role": "user", "content": [{"type": "image_url", "image_url": image}]}]
    body, left_out = sent(model_id, messages=said)
    assert body["messages"][0]["content"][0]["image_url"]["detail"] == told
    assert bool(left_out) is (told == "high")


def test_a_request_of_no_such_parameter_is_sent_without_any():
    asked = prompt(called_model(sampling=[]))
    assert all(getattr(asked.request, name) is None for name in ASKED)
    assert asked.dropped == ()


def test_the_efforts_are_those_that_the_sdk_knows():
    known = {word for one in get_args(reasoning_effort.ReasoningEffort) for word in get_args(one)}
    assert set(get_args(Effort)) == known


def test_the_tiers_are_at_least_those_that_the_sdk_knows():
    hints = get_type_hints(completion_create_params.CompletionCreateParamsBase)
    known = {word for one in get_args(hints["service_tier"]) for word in get_args(one)}
    for tier in known:
        assert prompt(called_model(), service_tier=tier).request.service_tier is None
