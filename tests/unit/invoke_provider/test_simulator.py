import json
import re
import sys
import time
from contextlib import contextmanager

import jsonschema
import pytest

from functions.invoke_provider.providers.sample import sample_of
from functions.invoke_provider.providers.simulator import (
    FAILURE_PERCENT_VARIABLE,
    Simulator,
)
from functions.shared import errors
from functions.shared.catalogue.models import load_catalogue
from functions.shared.simulation import FAULTS, FAULTS_VARIABLE, LATENCY_VARIABLE
from tests.support.builders import called_model, prompt

TASKS = ["summarize", "sentiment", "rewrite", "chat", "code", "analysis", "tools"]
TEXT = "The tram was late again. It rained. We walked home and laughed about it."


def tool(name, **parameters):
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


WEATHER = tool(
    "get_weather", type="object", properties={"city": {"type": "string"}}, required=["city"]
)


def complete(task="chat", model="gpt-4o", max_output_tokens=4096, **fields):
    body = fields if "messages" in fields else {"text": TEXT} | fields
    asked = called_model(model, max_output_tokens=max_output_tokens)
    return Simulator().complete(prompt(asked, task, **body), asked, 5.0)


@contextmanager
def little_work():
    """Counts calls, as a time would depend on what else the machine does; a bomb takes millions, and how deep
    a recursion may go depends on what else was imported."""
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)
    assert calls < 100_000


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_answered_at_once_and_always_alike(task, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits"))
    with little_work():
        first = complete(task)
    assert first == complete(task)
    assert first.text
    assert first.finish_reason == "stop"
    assert first.usage.input_tokens > len(TEXT) // 4
    assert first.usage.output_tokens == -(-len(first.text.encode()) // 4)


def test_a_summary_is_made_of_the_texts_first_sentences():
    assert complete("summarize").text == "[simulated] The tram was late again. It rained."


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I love this, it is excellent", "positive"),
        ("Terrible. It was broken and I want a refund", "negative"),
        ("The parcel has four corners", "neutral"),
        ("Good, but slow", "neutral"),
        ("", "neutral"),
    ],
)
def test_a_sentiment_is_the_contracts_json(text, label):
    said = {"role": "user", "content": text} if text else {"role": "system", "content": "Judge."}
    told = json.loads(complete("sentiment", messages=[said]).text)
    assert told.keys() == {"sentiment", "confidence"}
    assert told["sentiment"] == label
    assert 0.5 <= told["confidence"] < 1


def test_a_tool_is_called_with_arguments_its_schema_accepts():
    completion = complete("tools", tools=[WEATHER, tool("other")])
    (call,) = completion.tool_calls
    assert call.function.name == "get_weather"
    jsonschema.validate(json.loads(call.function.arguments), WEATHER["function"]["parameters"])
    assert completion.finish_reason == "tool_calls"
    assert completion.usage.output_tokens > 0


def test_the_named_tool_is_the_one_called():
    choice = {"type": "function", "function": {"name": "other"}}
    (call,) = complete("chat", tools=[WEATHER, tool("other")], tool_choice=choice).tool_calls
    assert call.function.name == "other"
    assert call.function.arguments == "{}"


def test_no_tool_is_called_against_the_callers_will():
    assert complete("tools", tools=[WEATHER], tool_choice="none").tool_calls == ()


def test_a_tools_result_ends_the_loop():
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    completion = complete("tools", messages=said, tools=[WEATHER])
    assert completion.tool_calls == ()
    assert "sunny" in completion.text


def test_an_answer_over_the_limit_is_cut_and_says_so():
    completion = complete("rewrite", text="ä" * 500, max_output_tokens=20)
    assert completion.finish_reason == "length"
    assert len(completion.text.encode()) <= 80
    assert completion.usage.output_tokens <= 20


def test_a_json_object_is_one():
    assert isinstance(
        json.loads(complete("chat", response_format={"type": "json_object"}).text), dict
    )


def test_a_model_told_to_fail_fails_and_the_others_do_not(monkeypatch):
    monkeypatch.setenv(FAULTS_VARIABLE, '{"gpt-4o": "ProviderThrottled"}')
    with pytest.raises(errors.ProviderThrottled):
        complete(model="gpt-4o")
    assert complete(model="gpt-4o-mini").text


def _failure(number, model="gpt-4o"):
    try:
        complete(model=model, metadata={"number": str(number)})
    except errors.ProviderError as error:
        return type(error)
    return None


def test_a_share_of_the_requests_fails_and_the_same_ones_each_time(monkeypatch):
    monkeypatch.setenv(FAILURE_PERCENT_VARIABLE, "10")
    failures = [_failure(number) for number in range(1000)]
    assert 70 <= sum(failure is not None for failure in failures) <= 130
    assert {failure for failure in failures if failure} == {
        errors.ProviderOverloaded,
        errors.ProviderThrottled,
        errors.ProviderUnavailable,
    }
    assert [_failure(number) for number in range(1000)] == failures
    assert [_failure(number, "gpt-4o-mini") for number in range(1000)] != failures


@pytest.mark.parametrize(("percent", "failing"), [("", 0), ("0", 0), ("100", 200)])
def test_the_share_may_be_anything_from_nothing_to_all(percent, failing, monkeypatch):
    monkeypatch.setenv(FAILURE_PERCENT_VARIABLE, percent)
    assert sum(_failure(number) is not None for number in range(200)) == failing


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "string", "minLength": 5, "maxLength": 6},
        {"type": "string", "format": "date-time"},
        {"type": "integer", "minimum": 3},
        {"type": "integer", "exclusiveMinimum": 3, "maximum": 4},
        {"type": "number", "maximum": -1.5},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["string", "null"]},
        {"enum": ["a", "b"]},
        {"const": 0},
        {"type": "array", "items": {"type": "integer"}},
        {"type": "array", "items": {"type": "integer"}, "minItems": 3},
        {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"type": "string"}},
            "required": ["a"],
            "additionalProperties": False,
            "$defs": {"A": {"allOf": [{"type": "object", "properties": {"c": {"type": "null"}}},
                                      {"required": ["c"]}]}},
        },
        {
            "type": "object",
            "properties": {"next": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}},
            "required": ["next"],
        },
    ],
)  # fmt: skip
def test_a_sample_is_accepted_by_its_schema(schema):
    jsonschema.validate(sample_of(schema), schema)


TWICE_ITSELF = {
    "type": "object",
    "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}},
    "required": ["a", "b"],
}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/nowhere"},
        {"$ref": 5},
        {"allOf": [{"$ref": "#"}]},
        TWICE_ITSELF,
        {"type": "object", "properties": "no", "required": ["a"]},
        {"type": "array", "minItems": "three"},
        {"type": "array", "minItems": 10**12},
        {"type": "string", "minLength": None},
        {"type": "integer", "minimum": "1"},
        {"type": []},
        {"enum": []},
        {"anyOf": 3},
    ],
)
def test_a_schema_without_sense_or_end_is_refused_at_once(schema):
    with little_work(), pytest.raises(errors.RequestUnsupported):
        sample_of(schema)


def _call_id(*said, model="gpt-4o"):
    messages = [{"role": "user", "content": text} for text in said]
    [call] = complete("tools", model, messages=messages, tools=[WEATHER]).tool_calls
    return call.id


def test_every_call_has_an_id_of_its_own_and_the_same_one_each_time():
    ids = [_call_id("a"), _call_id("b"), _call_id("a", "b"), _call_id("a", model="gpt-4o-mini")]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("call_[0-9a-f]{24}", one) for one in ids)
    assert _call_id("a") == ids[0]


@pytest.fixture
def slept(monkeypatch):
    """What the simulator has slept, in seconds."""
    seconds = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


def test_an_answer_takes_as_long_as_the_catalogue_says_give_or_take(monkeypatch, slept):
    monkeypatch.setenv(LATENCY_VARIABLE, "1")
    told = load_catalogue().get("gpt-4o")
    for number in range(50):
        tokens = complete(metadata={"number": str(number)}).usage.output_tokens
        usual_s = told.time_to_first_token_ms / 1000 + tokens / told.output_tokens_per_second
        assert 0.7 * usual_s <= slept[-1] < 1.3 * usual_s
    assert len(set(slept)) == 50
    complete(metadata={"number": "0"})
    assert slept[-1] == slept[0]


def test_an_answer_that_takes_longer_than_the_attempt_may_does_not_come(monkeypatch, slept):
    monkeypatch.setenv(LATENCY_VARIABLE, "1")
    asked = called_model("gpt-4o")
    with pytest.raises(errors.ProviderTimeout):
        Simulator().complete(prompt(asked, "chat", text=TEXT), asked, 0.001)
    assert slept == [0.001]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_any_name_is_the_error_that_it_names(name, monkeypatch, slept):
    monkeypatch.setenv(FAULTS_VARIABLE, json.dumps({"gpt-4o": name}))
    with pytest.raises(errors.EngineError) as raised:
        complete()
    assert type(raised.value) is FAULTS[name]
    assert slept == []


def test_what_is_said_of_a_model_counts_else_of_its_provider_else_of_all(monkeypatch):
    faults = {"*": "overloaded", "anthropic": "quota", "claude-haiku-5-5": "auth"}
    monkeypatch.setenv(FAULTS_VARIABLE, json.dumps(faults))
    for model, provider, error in (
        ("gpt-4o", "openai", errors.ProviderOverloaded),
        ("claude-opus-5", "anthropic", errors.ProviderQuotaExhausted),
        ("claude-haiku-5-5", "anthropic", errors.ProviderAuthFailed),
    ):
        asked = called_model(model, provider=provider)
        with pytest.raises(error):
            Simulator().complete(prompt(asked, "chat", text=TEXT), asked, 5.0)


def test_a_share_of_a_fault_is_the_same_requests_each_time(monkeypatch):
    told = {"gpt-4o": {"fault": "throttled", "share": 0.3}}
    monkeypatch.setenv(FAULTS_VARIABLE, json.dumps(told))
    failures = [_failure(number) for number in range(400)]
    assert 80 <= failures.count(errors.ProviderThrottled) <= 160
    assert [_failure(number) for number in range(400)] == failures


def _fault(monkeypatch, **fault):
    monkeypatch.setenv(FAULTS_VARIABLE, json.dumps({"gpt-4o": fault}))
    with pytest.raises(errors.EngineError) as raised:
        complete()
    return raised.value


def test_a_throttle_tells_its_wait_and_any_other_fault_takes_it(monkeypatch, slept):
    assert _fault(monkeypatch, fault="throttled", wait_seconds=7).retry_after_seconds == 7
    assert _fault(monkeypatch, fault="throttled", wait_seconds=0).retry_after_seconds == 0
    assert slept == []
    late = _fault(monkeypatch, fault="overloaded", wait_seconds=2)
    assert (type(late), slept) == (errors.ProviderOverloaded, [2])
    assert type(_fault(monkeypatch, fault="overloaded", wait_seconds=60)) is errors.ProviderTimeout
    assert slept == [2, 5]


def test_what_came_of_a_cut_answer_is_paid(monkeypatch):
    whole = complete().usage
    cut = _fault(monkeypatch, fault="cut")
    assert cut.billed == "known"
    assert cut.usage.input_tokens == whole.input_tokens
    assert cut.usage.output_tokens == whole.output_tokens // 2
