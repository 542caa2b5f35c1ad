import re
from datetime import date
from typing import Any

import pytest

from functions.classify.profiling import profile_request
from functions.score.options import Out
from functions.score.ranking import rank
from functions.score.refusals import no_eligible_model
from functions.shared.caller import Caller
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.decision import RoutingContext
from functions.shared.contracts.states import ClassifyInput
from functions.shared.errors import Forbidden, NoEligibleModel
from functions.shared.policy.routing_policy import load_policy
from functions.shared.settings import ClassifySettings

TODAY = date(2026, 11, 24)
ALL = ("anthropic", "azure_openai", "bedrock", "gemini", "local", "openai")
TOOL = {"function": {"name": "f"}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


def _profile(*, allowed=(), **request):
    event = ClassifyInput(
        request={"task": "chat"}
        | ({} if "messages" in request else {"text": "Hello " * 50})
        | request,
        request_id="req_1",
        caller_id="key-1",
        caller=Caller(models=list(allowed)),
        mode="sync",
        started_at="2026-11-24T10:00:00.000Z",
    )
    settings = ClassifySettings(SYNC_DEADLINE_MS=26_000, ASYNC_DEADLINE_MS=240_000)
    return profile_request(event, settings).profile


def _rank(*, configured=ALL, **request):
    routing_context = RoutingContext(providers_configured=list(configured), mock_providers="never")
    profile = _profile(**request)
    return rank(profile, load_catalogue(), load_policy("default"), routing_context)


def _headline(**request):
    with pytest.raises(NoEligibleModel) as caught:
        _rank(**request)
    return caught.value.message


def _reasons(**request):
    with pytest.raises(NoEligibleModel) as caught:
        _rank(**request)
    return {one["model"]: one["reason"] for one in caught.value.details}


def _asked(**request):
    return {one.model for one in _rank(**request).candidates}


COST = re.compile(r"No model fits: needs at least ([0-9.]+) USD: (\S+)")
LATENCY = re.compile(r"No model fits: needs at least (\d+) ms: (\S+)")
BOTH = re.compile(r"No model fits: needs at least ([0-9.]+) USD and (\d+) ms: (\S+)")


def test_the_headline_of_a_low_cost_limit_is_the_least_that_lets_a_model_in():
    cost, model = COST.fullmatch(_headline(max_cost_usd=0.000001)).groups()
    assert model in _asked(max_cost_usd=float(cost))
    assert _headline(max_cost_usd=float(cost) - 1e-9).endswith(f"{cost} USD: {model}")


def test_the_headline_of_a_low_latency_limit_is_the_least_that_lets_a_model_in():
    latency, model = LATENCY.fullmatch(_headline(max_latency_ms=100)).groups()
    assert model in _asked(max_latency_ms=int(latency))
    assert _headline(max_latency_ms=int(latency) - 1).endswith(f"{latency} ms: {model}")


def test_where_one_limit_is_enough_the_headline_asks_for_no_other():
    cheapest = COST.fullmatch(_headline(max_cost_usd=0.000001))[1]
    request = {"max_cost_usd": float(cheapest), "max_latency_ms": 100}
    latency, model = LATENCY.fullmatch(_headline(**request)).groups()
    assert model in _asked(**request | {"max_latency_ms": int(latency)})


def test_where_both_limits_are_too_low_the_headline_tells_both_of_one_model():
    request = {"max_cost_usd": 0.000001, "max_latency_ms": 100}
    cost, latency, model = BOTH.fullmatch(_headline(**request)).groups()
    raised = {"max_cost_usd": float(cost), "max_latency_ms": int(latency)}
    assert model in _asked(**raised)


def test_a_request_too_long_for_every_window_is_told_how_much_too_long():
    told = _headline(configured=["bedrock"], allowed=["bedrock-llama3-8b"], text="word " * 20_000)
    found = re.fullmatch(
        r"No model fits: input and answer take about (\d+) tokens of at most 8192: (\S+)", told
    )
    assert int(found[1]) > 20_000
    assert found[2] == "bedrock-llama3-8b"


def test_of_several_windows_the_one_is_told_that_lacks_the_least():
    small, large = map(load_catalogue().get, ("bedrock-llama3-8b", "bedrock-nova-micro"))
    outs = [Out(one, "window", "too small", tokens=130_000) for one in (small, large)]
    told = no_eligible_model(outs, _profile()).message
    assert told == (
        "No model fits: input and answer take about 130000 tokens of at most 128000:"
        " bedrock-nova-micro"
    )


def test_an_answer_longer_than_any_model_gives_is_told_the_longest():
    most = max(
        (one.max_output_tokens, one.id)
        for one in load_catalogue().for_text
        if one.provider == "openai" and not one.is_retired(TODAY)
    )
    told = _headline(configured=["openai"], max_output_tokens=200_000)
    assert told == f"No model fits: max_output_tokens is 200000 of at most {most[0]}: {most[1]}"


CAPABILITIES: dict[str, dict[str, Any]] = {
    "images": {"messages": [{"role": "user", "content": [IMAGE]}]},
    "tools": {"tools": [TOOL]},
    "a response_format of json_object": {"response_format": {"type": "json_object"}},
}


@pytest.mark.parametrize("name", CAPABILITIES)
def test_a_capability_that_no_usable_model_has_is_named(name):
    told = _headline(allowed=["bedrock-llama3-8b"], **CAPABILITIES[name])
    assert told.startswith(f"No model fits: no usable model takes {name}")


def test_capabilities_that_no_model_has_all_of_are_told_together():
    profile = _profile(tools=[TOOL], response_format={"type": "json_object"})
    first, second = map(load_catalogue().get, ("gpt-4o", "gpt-5"))
    outs = [
        Out(first, "capability", "does not", missing=("tools",)),
        Out(second, "capability", "does not", missing=("json_object",)),
    ]
    assert no_eligible_model(outs, profile).message == (
        "No model fits: no usable model takes tools and a response_format of json_object together"
    )


def test_without_credentials_the_providers_are_named_that_lack_them():
    told = _headline(configured=["local"])
    assert told == (
        "No model can be asked: there are no credentials for"
        " anthropic, azure_openai, bedrock, gemini, openai"
    )


def test_a_caller_of_one_provider_is_told_that_this_one_has_no_credentials():
    told = _headline(configured=["anthropic"], allowed=["gpt-4o"])
    assert told == "No model can be asked: there are no credentials for openai"


def test_a_task_that_the_callers_models_do_not_serve_is_named():
    told = _headline(allowed=["local-sentiment"])
    assert told == "No model can be asked: the task chat is not served by local-sentiment"


def test_a_caller_of_retired_models_alone_is_told_so():
    told = _headline(allowed=["claude-3-5-sonnet"])
    assert told == "No model can be asked: claude-3-5-sonnet retired on 2025-10-28"


def test_the_headline_leaves_the_details_as_they_are():
    reasons = _reasons(max_cost_usd=0.000001)
    assert len(reasons) == len(load_catalogue().for_text)
    assert re.fullmatch(r"may cost \S+ USD, over the limit of 0.000001", reasons["gpt-4o"])


def test_a_model_that_is_not_the_callers_is_named_whether_or_not_others_may_follow():
    for fallback in (True, False):
        with pytest.raises(Forbidden) as caught:
            _rank(allowed=["gpt-4o"], model="gpt-4o-mini", fallback=fallback)
        assert caught.value.message == "gpt-4o-mini is not among the models of this caller"
