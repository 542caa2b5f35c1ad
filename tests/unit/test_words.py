import json
import pkgutil
from importlib import import_module
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import functions
from functions.api.feedback import Grade
from functions.api.handler import lambda_handler as api
from functions.classify.parsing import parse_request
from functions.metrics.handler import lambda_handler as metrics
from functions.metrics.logs import LogsQuery
from functions.metrics.window import NoQuery, WindowQuery
from functions.route.handler import lambda_handler as route
from functions.shared.callers.forms import BudgetChange, CallerChange, NewCaller, Rotation, Switch
from functions.shared.contracts.request import GenerateRequest
from functions.shared.errors import InvalidRequest
from functions.shared.gateway import problems
from functions.shared.gateway.problems import problems_of
from tests.support.gateway_events import ask

CANARY = "kanarienvogel"
PNG = "data:image/png;base64,iVBORw0KGgo="
WHOLE: dict[str, Any] = {
    "task": "chat", "model_preference": "fast", "max_cost_usd": 1, "max_latency_ms": 5,
    "model": "gpt-4o", "fallback": True, "system": "x", "max_output_tokens": 5, "temperature": 1,
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "x"},
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        ]},
        {"role": "assistant", "content": "x", "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "1", "content": "x"},
    ],
    "tools": [{"type": "function", "function": {
        "name": "f", "description": "x", "parameters": {"type": "object"}, "strict": True,
    }}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {
        "name": "f", "description": "x", "schema": {"type": "object"}, "strict": True,
    }},
    "max_tokens": 5, "top_p": 1, "stop": ["x"], "seed": 1, "presence_penalty": 1,
    "frequency_penalty": 1, "logit_bias": {"1": 1}, "parallel_tool_calls": True, "user": "x",
    "reasoning_effort": "low", "verbosity": "low", "service_tier": "auto", "n": 1,
    "cache_ttl_seconds": 5, "session_id": "x", "explain": True, "metadata": {"a": "b"},
}  # fmt: skip
TEXTS = {
    "the query of a log": (LogsQuery, dict.fromkeys(("limit", "cursor", "model", "provider", "task"), "1")
                           | {"status": "FAILED", "caller_id": "a", "from": "2026-11-24T00:00:00Z"}),
    "the query of a window": (WindowQuery, {"window": "1h"}),
    "no query": (NoQuery, {}),
    "a grade": (Grade, {"score": 0.5, "comment": "a"}),
    "a new caller": (NewCaller, {"name": "a", "plan": "operator", "models": ["gpt-4o"], "tasks": ["chat"],
                     "expires_at": "2027-01-01T00:00:00Z", "budget": {"day_usd": 1}, "subject": "s"}),
    "a change of a caller": (CallerChange, {"models": ["a"], "tasks": ["chat"], "expires_at": None}),
    "a change of a budget": (BudgetChange, {"day_usd": 1, "month_usd": 1.5, "total_usd": None, "mode": "strict",
                             "tokens_per_minute": 5, "tier_down_at": 0.5}),
    "a rotation": (Rotation, {"overlap_seconds": 5}),
    "a switch": (Switch, {"now": True}),
}  # fmt: skip
WRONG: tuple[Any, ...] = (
    CANARY, CANARY * 1_000, f" {CANARY} \n", "", " ", "\ud800" + CANARY, None, True, 0, -1, 7, 10**12,
    1.5, float("inf"), [], [CANARY], [[CANARY]], [{CANARY + "!": CANARY}] * 200, {}, {CANARY + "!": CANARY},
    {"type": CANARY}, {"type": CANARY, "text": CANARY}, {"url": f"ftp://{CANARY}"},
    {"url": f"https://{CANARY}@example.com"}, {"url": f"https://{CANARY}.internal/{CANARY}"},
    {"name": CANARY * 99}, {"type": "function", "function": {"name": CANARY + " "}},
    {f"k{number}{CANARY}!": CANARY for number in range(40)},
    {"$ref": f"#/{CANARY}"}, {"type": "object", "required": CANARY, "enum": CANARY},
)  # fmt: skip


def spots(value, way=()):
    yield way
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, one in inner:
        yield from spots(one, (*way, key))


def with_value(value, way, wrong):
    if not way:
        return wrong
    copy = value.copy()
    copy[way[0]] = with_value(value[way[0]], way[1:], wrong)
    return copy


def _told(body, kind=GenerateRequest):
    try:
        if kind is GenerateRequest:
            parse_request(body)
        else:
            kind.model_validate(body)
    except InvalidRequest as refused:
        return refused.details
    except ValidationError as error:
        return problems_of(error, kind)
    return []


KINDS = {"a request": (GenerateRequest, WHOLE), **TEXTS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_problem_is_in_our_words_and_never_repeats_a_value(kind):
    model, whole = KINDS[kind]
    assert _told(whole, model) == []
    for way in spots(whole):
        for wrong in WRONG:
            for one in _told(with_value(whole, way, wrong), model):
                assert one.keys() == {"field", "problem"}
                assert CANARY not in json.dumps(one), (way, wrong)
                assert one["problem"] != "is not valid", (way, wrong)
                assert "Input" not in one["problem"]
                assert "{" not in one["problem"].partition("must match")[0]


@pytest.mark.parametrize("error_type", problems._WORDS)
def test_no_words_are_of_a_kind_that_pydantic_does_not_know(error_type):
    from typing import get_args

    from pydantic_core.core_schema import ErrorType

    assert error_type in get_args(ErrorType)


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"modelPreference": "fast"}, "modelPreference", 'unknown; did you mean "model_preference"?'),
        ({"max_tokns": 5}, "max_tokns", 'unknown; did you mean "max_tokens"?'),
        ({"zzz": 5}, "zzz", "unknown"),
        ({"z" * 500: 5}, "z" * 64, "unknown"),
        ({"my diary: ...": 5}, "body", "has an unknown field"),
        ({"tasks ": "chat"}, "body", 'has an unknown field; did you mean "task"?'),
        ({"task": "sumarize"}, "task",
         "must be 'summarize', 'sentiment', 'rewrite', 'chat', 'code', 'analysis', 'tools' or 'auto'"),
        ({"model_preference": "cheapest"}, "model_preference",
         "must be 'fast', 'cheap', 'best' or 'balanced'"),
        ({"max_latency_ms": 0}, "max_latency_ms", "must be at least 1"),
        ({"max_cost_usd": 0}, "max_cost_usd", "must be over 0"),
        ({"max_cost_usd": "1"}, "max_cost_usd", "must be a number"),
        ({"temperature": 3}, "temperature", "must be at most 2.0"),
        ({"text": " "}, "text", "must not be blank"),
        ({"explain": "yes"}, "explain", "must be true or false"),
        ({"tools": []}, "tools", "must not be empty"),
        ({"tools": [{"type": "function", "function": {"nam": "f"}}]},
         "tools.0.function.nam", 'unknown; did you mean "name"?'),
        ({"tool_choice": "atuo"}, "tool_choice", "must be 'auto', 'none' or 'required'"),
        ({"tool_choice": {"type": "function", "function": {"nam": "f"}}, "tools": WHOLE["tools"]},
         "tool_choice.function.nam", 'unknown; did you mean "name"?'),
        ({"tool_choice": {"type": "allowed_tools", "tools": [{"type": "function"}]}, "tools": WHOLE["tools"]},
         "tool_choice.allowed_tools.tools.0.function", "is missing"),
        ({"tool_choice": {"type": "allowed_tools", "tools": []}, "tools": WHOLE["tools"]},
         "tool_choice.allowed_tools.tools", "must not be empty"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "shema": {}}}},
         "response_format.json_schema.shema", 'unknown; did you mean "schema"?'),
        ({"text": None, "messages": [{"role": "user", "content": [{"type": "text", "txt": "a"}]}]},
         "messages.0.content.0.txt", 'unknown; did you mean "text"?'),
        ({"text": None, "messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": PNG, "detial": "low"}}]}]},
         "messages.0.content.0.image_url.detial", 'unknown; did you mean "detail"?'),
        ({"text": None, "messages": [{"role": "user", "content": [
            {"type": "image_url", "image_ulr": {"url": PNG}}]}]},
         "messages.0.content.0.image_ulr", 'unknown; did you mean "image_url"?'),
        ({"text": None, "messages": [{"role": "user", "content": [{"type": "image"}]}]},
         "messages.0.content.0", "its 'type' must be one of 'text', 'image_url'"),
        ({"text": None, "messages": [{"role": "user", "content": [{}]}]},
         "messages.0.content.0", "its 'type' is missing"),
        ({"metadata": {"Team": 5}}, "metadata.Team", "must be a text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_place_with_the_nearest_known_name(fields, field, problem):
    assert {"field": field, "problem": problem} in _told({"text": "a"} | fields)


def test_of_thousands_of_problems_a_few_are_told():
    assert len(_told({"text": "a", **{f"x{number}": 1 for number in range(10_000)}})) == 20


@pytest.fixture
def _environment(environment, requests_table, state_table):
    environment(REQUESTS_TABLE="Requests", STATE_TABLE="State", MOCK_PROVIDERS="always")
    environment(SYNC_DEADLINE_MS="26000", ASYNC_DEADLINE_MS="240000")
    environment(JOBS_STATE_MACHINE_ARN="arn", POWERTOOLS_SERVICE_NAME="test")


@pytest.mark.usefixtures("_environment")
def test_the_functions_say_the_same_over_http():
    grade = json.dumps({"thums": CANARY})
    _, body = ask(api, "POST", "/v1/requests/req_1/feedback", grade)
    assert {"field": "thums", "problem": 'unknown; did you mean "thumbs"?'} in body["error"][
        "details"
    ]
    _, body = ask(metrics, "GET", "/v1/metrics/logs", query={"limt": CANARY, "my diary": CANARY})
    assert body["error"]["details"] == [
        {"field": "limt", "problem": 'unknown; did you mean "limit"?'},
        {"field": "query", "problem": "has an unknown field"},
    ]
    asked = json.dumps({"text": "a", "task": "chat", "model": "gpt-4o-minni"})
    status, body = ask(route, "POST", "/v1/route", asked)
    assert status == 404
    assert body["error"]["details"] == [
        {"field": "model", "problem": 'no such model; did you mean "gpt-4o-mini"?'}
    ]
    asked = json.dumps({"text": "a", "task": "chat", "model": CANARY})
    assert CANARY not in json.dumps(ask(route, "POST", "/v1/route", asked)[1])


def test_no_exceptions_text_of_any_model_of_ours_can_hold_the_input():
    for module in pkgutil.walk_packages(functions.__path__, "functions."):
        if not module.name.endswith(".handler"):
            import_module(module.name)

    def kinds(of):
        for one in of.__subclasses__():
            yield one
            yield from kinds(one)

    ours = [one for one in kinds(BaseModel) if one.__module__.startswith("functions.")]
    assert len(ours) > 50
    assert [one for one in ours if not one.model_config.get("hide_input_in_errors")] == []
