import json
import sys
import time
from contextlib import contextmanager

import jsonschema
import pytest

from functions.invoke_provider.providers.sample import sample_of
from functions.invoke_provider.providers.simulator import (
    FAILURE_PERCENT_VARIABLE,
    FAULTS_VARIABLE,
    Simulator,
)
from functions.shared import errors
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
    """Counts calls, as a time would depend on what else the machine does."""
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)
    assert calls < 20_000


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
    with little_work(), pytest.raises(errors.InvalidRequest):
        sample_of(schema)
