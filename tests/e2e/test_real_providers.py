import json
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from openai.types.chat import ChatCompletionMessageFunctionToolCall

from functions.shared.attempt_limits import MAX_ATTEMPTS
from local.faults.aimock import journal, serving
from tests.conftest import running_stack
from tests.support.api_calls import assert_error, ended_job, get, post
from tests.support.builders import PARAMETERS

pytestmark = pytest.mark.xdist_group("providers")


def _answers(model, text):
    usage = {"prompt_tokens": 1200, "completion_tokens": 340}
    usage |= {"input_tokens": 1200, "output_tokens": 340}
    return {"match": {"model": model}, "response": {"content": text, "usage": usage}}


def _refuses(match, status, error_type):
    error = {"message": "No.", "type": error_type}
    return {"match": match, "response": {"error": error, "status": status}}


WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather in a city.",
    "parameters": PARAMETERS | {"additionalProperties": False},
}}  # fmt: skip
CITY: dict[str, Any] = {"type": "json_schema", "json_schema": {"name": "city", "schema": {
    "type": "object", "properties": {"name": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["name", "people"], "additionalProperties": False,
}}}  # fmt: skip
MODELS = {
    "gpt-6-luna": "gpt-6-luna",
    "gpt-6.2-sol": "gpt-6.2-sol",
    "azure-gpt-6-sol": "gpt-6-sol",
    "claude-haiku-5-5": "claude-haiku-5-5",
    "bedrock-claude-haiku-5-5": "global.anthropic.claude-haiku-5-5",
}
"""Of every remote provider, and of every interface, one: catalogue id → id on the wire."""

FIXTURES = [
    {"match": {"userMessage": "broken JSON"}, "response": {"content": "Bern has many people."}},
    _refuses({"userMessage": "everything fails"}, 500, "api_error"),
    _refuses({"userMessage": "Zvrk"}, 500, "api_error"),
    _refuses({"userMessage": "nobody has time"}, 429, "rate_limit_error"),
    _refuses({"model": "gpt-5.4-nano"}, 500, "api_error"),
    _refuses({"model": "gpt-5-mini"}, 429, "rate_limit_error"),
    _refuses({"model": "claude-haiku-4-5"}, 529, "overloaded_error"),
    _refuses({"model": "global.anthropic.claude-opus-5-5"}, 503, "ServiceUnavailableException"),
    {
        "match": {"userMessage": "weather", "hasToolResult": False},
        "response": {"toolCalls": [{"name": "get_weather", "arguments": {"city": "Bern"}}]},
    },
    {
        "match": {"userMessage": "as JSON"},
        "response": {"content": '{"name": "Bern", "people": 134000}'},
    },
    *(_answers(wire_id, f"{wire_id} speaks") for wire_id in MODELS.values()),
    {"match": {}, "response": {"content": "some other model speaks"}},
]


@pytest.fixture(scope="module")
def aimock(tmp_path_factory):
    with serving(FIXTURES, tmp_path_factory.mktemp("aimock")) as url:
        yield url


@pytest.fixture(scope="module")
def stack(aimock):
    with running_stack(
        OPENAI_API_KEY="test-openai",
        OPENAI_BASE_URL=f"{aimock}/v1",
        ANTHROPIC_API_KEY="test-anthropic",
        ANTHROPIC_BASE_URL=aimock,
        AZURE_OPENAI_API_KEY="test-azure",
        AZURE_OPENAI_ENDPOINT=aimock,
        BEDROCK_ENABLED="1",
        AWS_ENDPOINT_URL_BEDROCK_RUNTIME=aimock,
        BEDROCK_STREAM="1",
        MOCK_PROVIDERS="never",
    ) as running:
        yield running


def _job(stack, **body):
    told = post(stack, "/jobs", body).json()
    job = ended_job(stack, told["execution_id"], 60)
    assert job["status"] == "SUCCEEDED", job
    return job


def _generate(stack, **body):
    return post(stack, "/generate", {"task": "chat"} | body)


def _prices(stack, model):
    """Of the first tier, in USD per token, in and out."""
    listed = get(stack, f"/models/{model}").json()
    rates = listed["prices"]["rates"][0]
    return [Decimal(str(rates[f"{side}_usd_per_mtok"])) / 1_000_000 for side in ("input", "output")]


@pytest.mark.parametrize("model", MODELS)
def test_the_answer_is_the_providers_own_with_its_tokens_and_their_price(stack, aimock, model):
    before = len(journal(aimock))
    answer = _generate(stack, model=model, text="Hello").json()
    assert (answer["result"], answer["mock"]) == (f"{MODELS[model]} speaks", False)
    assert answer["routing"]["selected_model"] == model
    usage = answer["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (1200, 340)
    assert usage["usage_source"] == "provider"
    input_usd, output_usd = _prices(stack, model)
    assert Decimal(str(usage["total_cost_usd"])) == 1200 * input_usd + 340 * output_usd > 0
    assert len(journal(aimock)) == before + 1


@pytest.mark.parametrize("model", MODELS)
def test_a_job_is_answered_by_the_provider_too(stack, model):
    result = _job(stack, model=model, text="Hello")["result"]
    assert result["result"] == f"{MODELS[model]} speaks"
    assert (result["usage"]["input_tokens"], result["usage"]["output_tokens"]) == (1200, 340)
    assert result["usage"]["total_cost_usd"] > 0


@pytest.mark.parametrize("model", MODELS)
def test_a_tool_call_is_one_that_the_official_sdk_accepts_and_takes_its_result_back(stack, model):
    asked = {"role": "user", "content": "The weather in Bern?"}
    body = {"model": model, "task": "tools", "tools": [WEATHER]}
    answer = _generate(stack, **body, messages=[asked]).json()
    assert answer["finish_reason"] == "tool_calls"
    [call] = answer["tool_calls"]
    accepted = ChatCompletionMessageFunctionToolCall.model_validate(call, strict=True)
    assert accepted.function.name == "get_weather"
    assert json.loads(accepted.function.arguments) == {"city": "Bern"}
    said = {"role": "assistant", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
    told = _generate(stack, **body, messages=[asked, said, result]).json()
    assert (told["result"], told["tool_calls"]) == (f"{MODELS[model]} speaks", [])
    assert told["routing"]["fallbacks"] == []


@pytest.mark.parametrize("model", MODELS)
def test_an_answer_under_a_schema_is_json_that_validates(stack, model):
    answer = _generate(stack, model=model, text="Bern, as JSON", response_format=CITY).json()
    assert answer["routing"]["selected_model"] == model
    jsonschema.validate(json.loads(answer["result"]), CITY["json_schema"]["schema"])


def test_an_answer_that_breaks_its_schema_is_never_handed_on(stack):
    response = _generate(stack, text="Bern, as broken JSON", response_format=CITY)
    assert response.status_code == 502
    attempts = response.json()["error"]["details"]
    # What was asked may be to blame: one other model, and no more.
    assert [one["error"] for one in attempts] == ["AnswerUnfit"] * 2
    assert len({one["model"] for one in attempts}) == 2


def test_what_a_model_does_not_take_is_left_out_and_said_so(stack, aimock):
    answer = _generate(stack, model="claude-haiku-5-5", text="Hello", temperature=0.3).json()
    [dropped] = answer["routing"]["dropped_parameters"]
    assert dropped["parameter"] == "temperature"
    assert "temperature" not in journal(aimock)[-1]["body"]
    assert answer["routing"]["prompt_version"] == "chat.v1"


SURE, UNSURE = "I love it, absolutely wonderful!", "Zvrk plomb xqzt."


@pytest.mark.parametrize("preference", ["cheap", "fast"])
def test_a_clear_sentiment_is_judged_here_for_nothing(stack, aimock, preference):
    before = len(journal(aimock))
    answer = _generate(stack, task="sentiment", text=SURE, model_preference=preference).json()
    assert answer["routing"]["selected_model"] == "local-sentiment"
    assert json.loads(answer["result"])["sentiment"] == "positive"
    assert (answer["mock"], answer["usage"]["total_cost_usd"]) == (False, 0)
    assert len(journal(aimock)) == before


def test_a_job_may_be_judged_here_too(stack):
    result = _job(stack, task="sentiment", text=SURE, model_preference="cheap")["result"]
    assert result["routing"]["selected_model"] == "local-sentiment"
    assert json.loads(result["result"])["sentiment"] == "positive"
    usage = result["usage"]
    assert (usage["total_cost_usd"], usage["usage_source"]) == (0, "estimated")
    assert min(usage["input_tokens"], usage["output_tokens"], usage["savings_usd"]) > 0


def test_a_sentiment_that_nobody_else_can_judge_is_judged_here_after_all(stack):
    answer = _generate(stack, task="sentiment", text=UNSURE, model_preference="cheap").json()
    assert answer["routing"]["selected_model"] == "local-sentiment"
    errors = [one["error"] for one in answer["routing"]["fallbacks"]]
    assert errors[0] == "AnswerUnsure"
    assert set(errors[1:]) == {"ProviderUnavailable"}
    assert json.loads(answer["result"]).keys() == {"sentiment", "confidence"}


@pytest.mark.parametrize(
    ("model", "error", "calls"),
    [
        ("gpt-5.4-nano", "ProviderUnavailable", 3),
        ("gpt-5-mini", "ProviderThrottled", 2),
        ("claude-haiku-4-5", "ProviderOverloaded", 3),
        ("bedrock-claude-opus-5-5", "ProviderOverloaded", 3),
    ],
)
def test_a_failing_provider_is_replaced_and_the_answer_says_why(stack, aimock, model, error, calls):
    before = len(journal(aimock))
    answer = _generate(stack, model=model, text="Hello").json()
    told = [(one["model"], one["error"]) for one in answer["routing"]["fallbacks"]]
    assert told == [(model, error)] * (calls - 1)
    assert answer["routing"]["selected_model"] != model
    assert answer["result"].endswith("speaks")
    assert len(journal(aimock)) == before + calls


@pytest.mark.parametrize(
    ("text", "error"),
    [("everything fails", "ProviderUnavailable"), ("nobody has time", "ProviderThrottled")],
)
def test_all_failing_is_a_bad_gateway_with_every_attempt(stack, text, error):
    response = _generate(stack, text=text)
    attempts = assert_error(response, "all_providers_failed")["details"]
    assert len({one["model"] for one in attempts}) == MAX_ATTEMPTS
    assert {one["provider"] for one in attempts} >= {"anthropic", "bedrock"}
    assert {one["error"] for one in attempts} == {error}


def test_the_list_of_models_tells_which_are_usable(stack):
    told = get(stack, "/models").json()
    models = {one["id"]: one for one in told["data"]}
    assert told["object"] == "list"
    assert all(models[model]["usable"] and not models[model]["mock"] for model in MODELS)
    assert models["local-sentiment"]["usable"] is True
    assert models["claude-3-opus"]["unusable_reason"] == "retired on 2026-01-05"
    assert models["gpt-5.4-mini"] == get(stack, "/models/gpt-5.4-mini").json()


def test_a_model_that_is_not_in_the_catalogue_is_not_found(stack):
    assert_error(get(stack, "/models/gpt-99"), "not_found")
