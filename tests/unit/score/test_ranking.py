from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.classify.profiling import profile_request
from functions.score.ranking import rank
from functions.shared.attempt_limits import MAX_RANKED
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.decision import RoutingContext
from functions.shared.contracts.states import ClassifyInput
from functions.shared.errors import InvalidRequest, NoEligibleModel, NotFound
from functions.shared.policy.explanation import reason_of
from functions.shared.policy.routing_policy import load_policy
from functions.shared.settings import ClassifySettings
from functions.shared.vocabulary import usd

STARTED = "2026-11-24T10:00:00.000Z"
TODAY = date(2026, 11, 24)


def _rank(*, configured=(), mock="auto", savings_baseline=None, session_model=None, **request):
    profile = _profile(**request)
    routing_context = RoutingContext(
        providers_configured=sorted(configured),
        mock_providers=mock,
        savings_baseline=savings_baseline,
        session_model=session_model,
    )
    return rank(profile, load_catalogue(), load_policy("default"), routing_context)


def _profile(**request):
    body = {"task": "chat", "text": "Hello " * 50} | request
    event = ClassifyInput(
        request=body, request_id="req_1", caller_id="key-1", mode="sync", started_at=STARTED
    )
    settings = ClassifySettings(SYNC_DEADLINE_MS=26_000, ASYNC_DEADLINE_MS=240_000)
    return profile_request(event, settings).profile


def _provider(ranked):
    return load_catalogue().get(ranked.model).provider


def _out(decision):
    return {one.model: one.reason for one in decision.excluded}


def test_cheap_picks_a_cheapest_and_best_picks_a_model_of_the_highest_quality():
    cheap = _rank(model_preference="cheap").candidates
    assert cheap[0].estimated_cost_nano_usd == min(one.estimated_cost_nano_usd for one in cheap)
    best = _rank(model_preference="best").candidates
    assert best[0].scores.quality == max(one.scores.quality for one in best)


def test_fast_picks_a_quickest():
    fast = _rank(model_preference="fast").candidates
    assert fast[0].estimated_latency_ms == min(one.estimated_latency_ms for one in fast)


def test_every_model_is_either_a_candidate_or_excluded_with_a_reason():
    decision = _rank(max_cost_usd=0.01)
    named = [one.model for one in decision.candidates] + list(_out(decision))
    assert sorted(named) == [model.id for model in load_catalogue().for_text]
    assert all(_out(decision).values())


def test_a_retired_model_is_never_a_candidate():
    retired = {model.id for model in load_catalogue().for_text if model.is_retired(TODAY)}
    assert {"gpt-4-turbo", "claude-3-5-sonnet", "claude-3-5-haiku", "claude-3-opus"} <= retired
    assert not retired & {one.model for one in _rank().candidates}


def test_pinning_a_retired_model_alone_names_its_successor():
    with pytest.raises(InvalidRequest) as caught:
        _rank(model="claude-3-5-sonnet", fallback=False)
    told = "claude-3-5-sonnet was retired on 2025-10-28; use claude-sonnet-5-5"
    assert caught.value.details == [{"field": "model", "problem": told}]
    assert caught.value.message == told


def test_pinning_an_unknown_model_is_not_found():
    with pytest.raises(NotFound):
        _rank(model="gpt-99")


def test_a_pinned_model_comes_first_and_the_others_are_its_fallbacks():
    candidates = _rank(model="gpt-4o").candidates
    assert candidates[0].model == "gpt-4o"
    assert len(candidates) > 1


def test_without_fallback_there_is_one_candidate():
    decision = _rank(model="gpt-4o", fallback=False)
    assert [one.model for one in decision.candidates] == ["gpt-4o"]
    assert _out(decision)["gpt-4o-mini"] == "fallback is off"


OUT: dict[str, tuple[dict[str, Any], str]] = {
    "retired": ({"model": "gpt-4-turbo"}, "retired on 2026-10-23; use "),
    "no credentials": ({"model": "gpt-4o", "mock": "never"}, "no credentials for its provider"),
    "task": ({"model": "local-sentiment"}, "does not serve the task chat"),
    "capability": (
        {"model": "bedrock-llama3-8b", "tools": [{"function": {"name": "f"}}]},
        "does not support tools",
    ),
    "output": (
        {"model": "bedrock-llama3-8b", "max_output_tokens": 9000},
        "answers with at most 2048 tokens",
    ),
    "window": (
        {"model": "bedrock-llama3-8b", "text": "word " * 20_000},
        "context window of 8192 tokens is too small",
    ),
    "cost": (
        {"model": "gpt-6-astra", "max_cost_usd": 0.01},
        "USD, over the limit of 0.01",
    ),
    "latency": (
        {"model": "claude-opus-5-5", "max_latency_ms": 9000},
        "ms (95th percentile), over the limit of 9000",
    ),
}
"""What keeps a pinned model from being asked, and what is said of it."""


@pytest.mark.parametrize("why", OUT)
def test_others_are_asked_where_a_pinned_model_cannot_be_and_the_decision_says_why(why):
    request, reason = OUT[why]
    setting = {"configured": ["anthropic", "bedrock"]} if why == "no credentials" else {}
    profile = _profile(**{name: value for name, value in request.items() if name != "mock"})
    decision = _rank(**request, **setting)
    model = request["model"]
    assert decision.candidates
    assert model not in {one.model for one in decision.candidates}
    assert reason in _out(decision)[model]
    told = reason_of(decision.candidates[0].model, decision, profile)
    assert f", in place of {model} ({_out(decision)[model]}): about " in told


@pytest.mark.parametrize("why", [one for one in OUT if one != "retired"])
def test_a_pinned_model_that_cannot_be_asked_is_in_the_headline_where_nothing_may_follow(why):
    request, reason = OUT[why]
    with pytest.raises(NoEligibleModel) as caught:
        _rank(**request, fallback=False)
    message = caught.value.message
    assert message.startswith(f"The pinned model cannot be asked: {request['model']}: ")
    assert reason in message
    reasons = {one["model"]: one["reason"] for one in caught.value.details}
    assert message.endswith(reasons[request["model"]])
    assert len(reasons) == len(load_catalogue().for_text)


def test_a_pinned_model_that_is_out_has_no_baseline_of_its_own():
    decision = _rank(configured=CONFIGURED, model="gpt-6-astra", max_cost_usd=0.01)
    assert decision.baseline_model is not None


NAMED = ["gpt-6-astra", "bedrock-nova-micro", "claude-opus-5-5"]
"""From dear to cheap and back: no ranking has this order."""


def test_listed_models_are_asked_in_the_callers_order_and_no_others():
    decision = _rank(models=NAMED)
    assert [one.model for one in decision.candidates] == NAMED
    assert decision.reserve == []
    assert _out(decision)["gpt-6.2-sol"] == "not among the models of the request"


def test_after_listed_models_the_others_follow_by_rank_where_the_request_says_so():
    decision = _rank(models=NAMED, fallback=True)
    assert [one.model for one in decision.candidates[:3]] == NAMED
    finals = [one.scores.final for one in decision.candidates[3:]]
    assert len(finals) > 3
    assert finals == sorted(finals, reverse=True)


def test_eight_listed_models_all_stand_before_the_best_of_every_provider():
    named = [one.id for one in load_catalogue().for_text if one.provider == "openai"][-8:]
    decision = _rank(models=named, fallback=True)
    assert [one.model for one in decision.candidates[:8]] == named
    assert {_provider(one) for one in decision.candidates[8:]} >= {"anthropic", "bedrock"}


def test_a_limit_takes_a_listed_model_out_and_says_why():
    decision = _rank(models=["gpt-6-astra", "gpt-4o-mini"], max_cost_usd=0.005)
    assert [one.model for one in decision.candidates] == ["gpt-4o-mini"]
    assert "over the limit" in _out(decision)["gpt-6-astra"]


def test_a_list_of_which_no_model_fits_leaves_nothing_unless_others_may_follow():
    with pytest.raises(NoEligibleModel) as caught:
        _rank(models=["gpt-6-astra"], max_cost_usd=0.005)
    reasons = {one["model"]: one["reason"] for one in caught.value.details}
    assert "over the limit" in reasons["gpt-6-astra"]
    assert reasons["gpt-4o-mini"] == "not among the models of the request"
    assert caught.value.message == (
        f"Listed models cannot be asked: gpt-6-astra: {reasons['gpt-6-astra']}"
    )
    assert _rank(models=["gpt-6-astra"], max_cost_usd=0.005, fallback=True).candidates


def test_every_unknown_model_of_a_list_is_told_by_its_place():
    with pytest.raises(NotFound) as caught:
        _rank(models=["gpt-4o-mino", "gpt-4o", "gpt-99"])
    assert [one["field"] for one in caught.value.details] == ["models.0", "models.2"]
    assert caught.value.details[0]["problem"] == 'no such model; did you mean "gpt-4o-mini"?'


def test_a_retired_model_of_a_list_is_passed_over_with_its_successor():
    decision = _rank(models=["claude-3-5-sonnet", "gpt-4o"])
    assert [one.model for one in decision.candidates] == ["gpt-4o"]
    assert _out(decision)["claude-3-5-sonnet"].endswith("; use claude-sonnet-5-5")


def test_a_list_of_retired_models_alone_tells_each_by_its_place():
    with pytest.raises(InvalidRequest) as caught:
        _rank(models=["gpt-4-turbo", "claude-3-5-sonnet"])
    assert [one["field"] for one in caught.value.details] == ["models.0", "models.1"]
    assert "claude-sonnet-5-5" in caught.value.details[1]["problem"]
    assert _rank(models=["gpt-4-turbo", "claude-3-5-sonnet"], fallback=True).candidates


def test_listed_models_without_a_key_are_simulated_beside_a_provider_that_has_one():
    decision = _rank(models=["claude-opus-5-5", "gpt-4o"], configured={"openai"})
    assert [one.mock for one in decision.candidates] == [True, False]


def test_nothing_was_chosen_or_drawn_where_the_caller_listed_models():
    decision = _rank(models=NAMED, savings_baseline="gpt-4o", session_model="gpt-4o")
    assert (decision.baseline_model, decision.propensity) == (None, 1.0)


def test_the_reason_of_a_listed_model_is_its_place_in_the_list():
    profile, decision = _profile(models=NAMED), _rank(models=NAMED)
    assert reason_of(NAMED[1], decision, profile).startswith(
        "No. 2 of 3 in the caller's list, for chat: about "
    )


def test_the_cost_limit_holds_for_the_worst_case():
    limit = Decimal("0.005")
    candidates = _rank(max_cost_usd=0.005).candidates
    assert all(usd(one.worst_case_cost_nano_usd) <= limit for one in candidates)


def test_the_latency_limit_holds_for_what_all_but_one_in_twenty_answers_take():
    assert all(one.p95_latency_ms <= 9000 for one in _rank(max_latency_ms=9000).candidates)


def test_models_without_a_needed_capability_are_out():
    decision = _rank(tools=[{"function": {"name": "f"}}])
    assert "tools" in _out(decision)["bedrock-llama3-8b"]


def test_a_text_over_a_small_window_leaves_the_large_ones():
    decision = _rank(text="word " * 20_000)
    assert "context window" in _out(decision)["bedrock-llama3-8b"]


def test_without_any_credentials_the_simulator_serves_every_provider():
    assert all(one.mock for one in _rank().candidates)


def test_beside_a_real_provider_nothing_is_simulated():
    decision = _rank(configured=["openai"])
    assert {_provider(one) for one in decision.candidates} == {"openai"}
    assert not any(one.mock for one in decision.candidates)
    assert _out(decision)["claude-haiku-5-5"] == "no credentials for its provider"


def test_beside_a_real_provider_a_pinned_model_of_another_is_simulated():
    first = _rank(configured=["openai"], model="claude-haiku-5-5").candidates[0]
    assert (first.model, first.mock) == ("claude-haiku-5-5", True)


def test_never_mocking_without_credentials_leaves_nothing():
    with pytest.raises(NoEligibleModel):
        _rank(mock="never")


def test_always_mocking_ignores_credentials():
    assert all(one.mock for one in _rank(configured=["openai"], mock="always").candidates)


CONFIGURED = ("anthropic", "azure_openai", "bedrock", "openai")


def test_there_is_no_baseline_where_every_model_is_simulated():
    assert _rank().baseline_model is None


@pytest.mark.parametrize("fallback", [True, False])
@pytest.mark.parametrize("preference", ["balanced", "cheap", "best", "fast"])
def test_the_baseline_is_the_best_of_those_that_would_be_asked(preference, fallback):
    decision = _rank(configured=CONFIGURED, model_preference=preference, fallback=fallback)
    asked = _rank(configured=CONFIGURED, model_preference=preference).candidates
    best = max(one.quality for one in asked)
    assert decision.baseline_model in {one.model for one in asked if one.quality == best}


def test_the_baseline_is_the_one_that_the_stage_names():
    assert _rank(savings_baseline="gpt-4o").baseline_model == "gpt-4o"


def test_there_is_no_baseline_where_the_caller_or_the_conversation_names_the_model():
    assert _rank(model="gpt-4o", savings_baseline="gpt-5").baseline_model is None
    assert _rank(session_model="gpt-4o", model_preference="best").baseline_model is None


@given(
    preference=st.sampled_from(["fast", "cheap", "best", "balanced"]),
    limit=st.floats(0.002, 1),
    stricter=st.floats(0.1, 1),
)
def test_a_stricter_cost_limit_adds_no_candidate_but_for_one_that_it_takes(
    preference, limit, stricter
):
    def ranked(max_cost_usd):
        """The candidates, and those for which there was no room among them."""
        try:
            found = _rank(model_preference=preference, max_cost_usd=max_cost_usd)
        except NoEligibleModel:
            return set(), set()
        later = {one.model for one in found.excluded if "are ranked" in one.reason}
        return {one.model for one in found.candidates}, later

    strict, _ = ranked(limit * stricter)
    loose, later = ranked(limit)
    assert strict <= loose | later
    assert len(strict) <= len(loose)


def test_the_ranking_is_the_same_every_time():
    first, second = _rank(), _rank()
    assert first.candidates == second.candidates


def _sentiment(preference, *, configured=("openai", "local"), **request):
    return _rank(
        task="sentiment",
        configured=configured,
        model_preference=preference,
        mock="never",
        **request,
    ).candidates


@pytest.mark.parametrize("preference", ["cheap", "fast"])
def test_cheap_and_fast_sentiments_are_judged_here_for_nothing(preference):
    first = _sentiment(preference)[0]
    assert (first.model, first.mock) == ("local-sentiment", False)
    assert first.estimated_cost_nano_usd == first.worst_case_cost_nano_usd == 0


def test_the_best_sentiment_is_not_judged_by_the_smallest_model():
    assert _sentiment("best")[0].model != "local-sentiment"


def test_a_free_model_does_not_make_all_others_cost_alike():
    others = [one for one in _sentiment("cheap") if _provider(one) == "openai"]
    assert len({one.scores.cost for one in others}) > 5
    assert max(others, key=lambda one: one.scores.cost).estimated_cost_nano_usd == min(
        one.estimated_cost_nano_usd for one in others
    )


def test_a_sentiment_needs_no_tool_nor_form_and_few_tokens_whatever_is_sent_along():
    tool = {"function": {"name": "f"}}
    form = {"type": "json_object"}
    candidates = _sentiment("cheap", tools=[tool], response_format=form, max_output_tokens=5000)
    assert candidates[0].model == "local-sentiment"


def test_a_model_is_out_for_a_task_that_it_does_not_serve():
    out = _out(_rank(configured=["openai", "local"]))
    assert out["local-sentiment"] == "does not serve the task chat"


def test_the_local_models_alone_do_not_keep_the_simulator_from_answering():
    assert all(one.mock for one in _rank(configured=["local"]).candidates)


def test_a_guessed_task_is_never_routed_to_a_weaker_model():
    known = load_catalogue()
    for preference in ("fast", "cheap", "balanced"):
        certain = {"model_preference": preference, "task": "chat"}
        guessed = {"text": "xqzt blorf", "task": "auto", "model_preference": preference}
        sure, unsure = (_rank(**asked).candidates[0].model for asked in (certain, guessed))
        assert "a guess" in reason_of(unsure, _rank(**guessed), _profile(**guessed))
        assert "a guess" not in reason_of(sure, _rank(**certain), _profile(**certain))
        weakest = [min(known.get(one).quality.values()) for one in (sure, unsure)]
        assert weakest[0] <= weakest[1]


@pytest.mark.parametrize(
    ("url", "capabilities"),
    [
        ("data:image/png;base64,iVBORw0KGgo=", {"images"}),
        ("https://example.com/cat.png", {"images", "image_urls"}),
    ],
)
def test_an_image_goes_to_models_that_take_it_the_way_it_comes(url, capabilities):
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What?"}]
    candidates = _rank(text=None, messages=[{"role": "user", "content": parts}]).candidates
    able = {model.id for model in load_catalogue().for_text if capabilities <= model.capabilities}
    assert {one.model for one in candidates} <= able
    assert any(_provider(one) == "bedrock" for one in candidates) is (
        "image_urls" not in capabilities
    )


def test_an_image_inside_the_request_counts_as_an_image_and_not_as_its_letters():
    url = f"data:image/png;base64,iVBORw0KGgoA{'A' * 90_000}"
    parts = [{"type": "image_url", "image_url": {"url": url}}]
    small = _rank(text=None, messages=[{"role": "user", "content": parts}]).candidates[0]
    assert (
        small.estimated_cost_nano_usd
        < _rank(text="A" * 90_000).candidates[0].estimated_cost_nano_usd
    )


def test_a_decision_ranks_the_first_twelve_models_and_says_so_of_the_others():
    decision = _rank(model_preference="best")
    assert len(decision.candidates) == MAX_RANKED == 12
    later = [one for one in decision.excluded if one.reason == "not among the 12 that are ranked"]
    assert len(later) > 20


def test_a_pinned_model_is_ranked_first_however_many_are_better():
    worst = min(
        (
            one
            for one in load_catalogue().for_text
            if one.provider == "bedrock" and not one.retires_on
        ),
        key=lambda one: one.quality["chat"],
    )
    assert _rank(model_preference="best", model=worst.id).candidates[0].model == worst.id


@pytest.mark.parametrize("preference", ["cheap", "balanced", "best", "fast"])
def test_every_provider_that_may_be_asked_is_among_those_that_are(preference):
    decision = _rank(model_preference=preference)
    asked = {_provider(one) for one in (*decision.candidates, *decision.reserve)}
    assert asked >= {"openai", "anthropic", "azure_openai", "bedrock"}
