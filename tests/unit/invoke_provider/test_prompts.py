import hashlib
from typing import get_args

import pytest

from functions.invoke_provider.called_model import called_model as model_of_catalogue
from functions.invoke_provider.prompts import prompt_for
from functions.shared import prompts
from functions.shared.contracts.request import GenerateRequest
from functions.shared.contracts.tools import NamedToolChoice
from functions.shared.prompts import template_of
from functions.shared.vocabulary import TextTask
from tests.support.builders import called_model, profile, prompt

TOOL = {"type": "function", "function": {"name": "get_weather"}}
NAMED = {"type": "function", "function": {"name": "get_weather"}}
CALL = {"id": "call_1", "function": {"name": "get_weather", "arguments": "{}"}}
AFTER_A_CALL = [
    {"role": "user", "content": "Weather?"},
    {"role": "assistant", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
]
RELEASED = {
    "analysis.v1": "0956cdbb",
    "chat.v1": "e3b0c442",
    "code.v1": "fc0fddf8",
    "rewrite.v1": "186e4f22",
    "sentiment.v1": "9f762086",
    "summarize.v1": "eb5d5ba6",
    "tools.v1": "8858dea5",
}
"""Version → head of its text's SHA-256: a change of a released text needs a new number."""


def dropped(asked):
    return {one.parameter: one.reason for one in asked.dropped}


@pytest.mark.parametrize("task", get_args(TextTask))
def test_every_task_has_a_template_whose_version_the_prompt_names(task):
    asked = prompt(called_model(), task)
    version, text = template_of(task)
    assert asked.version == version == f"{task}.v1"
    assert asked.system == text


def test_a_released_template_never_changes():
    digests = {}
    for task in get_args(TextTask):
        version, text = template_of(task)
        digests[version] = hashlib.sha256(text.encode()).hexdigest()[:8]
    assert digests == RELEASED


def test_the_newest_template_is_in_use_and_its_remarks_are_not_sent(tmp_path, monkeypatch):
    for number in (2, 9, 10):
        (tmp_path / f"code.v{number}.txt").write_text(f"# Why\nBe version {number}.\n")
    monkeypatch.setattr(prompts, "_TEMPLATES", tmp_path)
    assert template_of.__wrapped__("code") == ("code.v10", "Be version 10.")


def test_the_instruction_comes_first_then_the_callers_system_texts():
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "x"}]
    asked = prompt(called_model(), "code", messages=messages, system="You are kind.")
    assert asked.system.split("\n\n")[1:] == ["You are kind.", "Be brief."]
    assert asked.system.startswith(template_of("code")[1])


@pytest.mark.parametrize(
    ("task", "version"), [("summarize", "chat.v1"), ("sentiment", "sentiment.v1")]
)
def test_a_guessed_task_gives_no_instruction_but_the_form_of_a_sentiment(task, version):
    asked = prompt_for(GenerateRequest(text="x"), profile(task, task_unsure=True), called_model())
    assert asked.version == version


def test_what_a_model_takes_is_passed_on_and_nothing_is_said_of_it():
    takes_all = called_model(sampling=["temperature"])
    asked = prompt(takes_all, temperature=2, tools=[TOOL], tool_choice=NAMED)
    assert asked.request.temperature == 2
    assert isinstance(asked.request.tool_choice, NamedToolChoice)
    assert asked.request.tool_choice.function.name == "get_weather"
    assert asked.dropped == ()


def test_a_temperature_that_the_model_refuses_is_left_out_and_said_so():
    asked = prompt(called_model(sampling=[]), temperature=0.5)
    assert asked.request.temperature is None
    assert dropped(asked) == {"temperature": "the model takes no temperature"}


def test_a_temperature_over_the_models_highest_is_lowered_and_said_so():
    asked = prompt(called_model(sampling=["temperature"], max_temperature=1), temperature=1.5)
    assert asked.request.temperature == 1
    assert dropped(asked) == {"temperature": "lowered to 1, the model's highest"}


@pytest.mark.parametrize("choice", ["required", NAMED])
def test_a_call_that_the_model_cannot_be_forced_to_is_left_to_it_and_said_so(choice):
    asked = prompt(called_model(tool_choices=["auto"]), tools=[TOOL], tool_choice=choice)
    assert asked.request.tools
    assert asked.request.tool_choice is None
    assert dropped(asked).keys() == {"tool_choice"}


def test_a_model_that_knows_no_none_is_shown_no_tool_instead():
    asked = prompt(called_model(tool_choices=["auto"]), tools=[TOOL], tool_choice="none")
    assert (asked.request.tools, asked.request.tool_choice) == (None, None)
    assert asked.dropped == ()


def test_a_model_that_knows_no_none_keeps_the_tools_that_it_has_called():
    calls = called_model(tool_choices=["auto"])
    asked = prompt(calls, messages=AFTER_A_CALL, tools=[TOOL], tool_choice="none")
    assert asked.request.tools
    assert dropped(asked).keys() == {"tool_choice"}


def test_a_model_that_is_not_held_to_schemas_gets_lenient_tools_and_it_is_said_so():
    strict = {"type": "function", "function": {"name": "get_weather", "strict": True}}
    asked = prompt(called_model(strict_tools=False), tools=[strict, TOOL])
    assert [tool.function.strict for tool in asked.request.tools] == [None, None]
    assert dropped(asked).keys() == {"tools.function.strict"}
    assert prompt(called_model(), tools=[strict]).request.tools[0].function.strict is True


def test_the_sentiment_task_leaves_out_every_other_form_and_says_so():
    form = {"type": "json_object"}
    asked = prompt(called_model(), "sentiment", tools=[TOOL], response_format=form)
    assert asked.request.tools is None
    assert asked.request.response_format is None
    assert dropped(asked).keys() == {"tools", "response_format"}


@pytest.mark.parametrize(
    ("model", "is_said"),
    [
        ("claude-haiku-5-5", True),
        ("bedrock-claude-haiku-5-5", True),
        ("gpt-4o", False),
        ("gpt-6.1-sol", False),
    ],
)
def test_a_level_of_detail_is_said_to_be_dropped_where_images_have_none(model, is_said):
    image = {"type": "image_url", "image_url": {"url": "https://a.test/b.png", "detail": "low"}}
    messages = [{"role": "user", "content": [image]}]
    asked = prompt(model_of_catalogue(model, profile()), messages=messages)
    assert bool(asked.dropped) is is_said


def test_fewer_tokens_than_the_model_takes_are_raised_and_said_so():
    asked = prompt(called_model("gpt-6.1-sol", api="responses", max_output_tokens=3))
    assert dropped(asked) == {"max_output_tokens": "raised to 16, the model's least"}
