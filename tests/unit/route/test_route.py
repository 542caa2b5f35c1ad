import json
from datetime import UTC, datetime

import boto3
import pytest

from functions.route.handler import lambda_handler
from functions.shared.caller import Caller, Limits
from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.pricing import price_version
from functions.shared.contracts.answer import CandidateSummary, Routing
from functions.shared.errors import HTTP_STATUS
from functions.shared.policy.routing_policy import load_policy
from tests.support.gateway_events import ask

KNOWN_AFTER_A_CALL = {"fallbacks", "prompt_version", "dropped_parameters"}
SECRET = "the-secret-of-the-prompt"


@pytest.fixture(autouse=True)
def _environment(environment, state_table):
    environment(STATE_TABLE="State", MOCK_PROVIDERS="always")
    environment(SYNC_DEADLINE_MS="26000", ASYNC_DEADLINE_MS="240000")


def _ask(body, **options):
    return ask(lambda_handler, "POST", "/v1/route", body, **options)


def _route(**request):
    status, answer = _ask(json.dumps({"task": "chat", "text": "Hello"} | request))
    assert status == 200, answer
    return answer


def _refused(body, code, **options):
    status, answer = _ask(body, **options)
    assert (status, answer["error"]["code"]) == (HTTP_STATUS[code], code)
    assert answer.keys() == {"success", "error", "request_id"}
    return answer["error"]


def test_a_dry_run_tells_what_an_answers_routing_tells_and_more():
    answer = _route()
    assert answer.keys() == {"success", "request_id", "routing", "performance"}
    assert (answer["success"], answer["request_id"]) == (True, "req_1-2-3")
    routing = answer["routing"]
    assert Routing.model_fields.keys() - KNOWN_AFTER_A_CALL <= routing.keys()
    assert not KNOWN_AFTER_A_CALL & routing.keys()
    assert CandidateSummary.model_fields.keys() <= routing["candidates"][0].keys()
    assert isinstance(answer["performance"]["routing_time_ms"], int)


def test_the_selected_model_is_the_first_candidate():
    routing = _route()["routing"]
    first = routing["candidates"][0]
    assert (routing["selected_model"], routing["provider"]) == (first["model"], first["provider"])
    for name in ("cost", "latency", "quality", "availability", "final"):
        assert routing[f"{name}_score"] == first[f"{name}_score"]
    assert routing["reason"] == first["reason"]


def test_every_model_is_a_candidate_or_excluded_for_a_reason():
    routing = _route(max_cost_usd=0.01)["routing"]
    asked = [one["model"] for one in routing["candidates"]]
    out = {one["model"]: one["reason"] for one in routing["excluded"]}
    assert sorted([*asked, *out]) == sorted(one.id for one in load_catalogue().for_text)
    assert all(out.values())
    assert {one["model"] for one in routing["reserve"]} <= out.keys()


def test_a_candidate_says_what_is_to_be_expected_of_it():
    for one in _route()["routing"]["candidates"]:
        assert 0 <= one["estimated_cost_usd"] <= one["worst_case_cost_usd"]
        assert 0 < one["estimated_latency_ms"] <= one["p95_latency_ms"]
        assert one["estimated_input_tokens"] > 0
        assert one["estimated_output_tokens"] > 0
        assert one["mock"] is True


def test_the_final_score_is_the_weighted_sum_of_the_others():
    routing = _route(model_preference="best")["routing"]
    weights = routing["weights"]
    assert sum(weights.values()) == pytest.approx(1)
    assert max(weights, key=weights.get) == "quality"
    for one in routing["candidates"]:
        expected = sum(share * one[f"{name}_score"] for name, share in weights.items())
        assert one["final_score"] == pytest.approx(expected, abs=2e-4)


def test_a_guessed_task_shows_the_weights_that_it_is_decided_with():
    answer = _route(task="auto", text="Zvrk plomb xqzt.")
    routing = answer["routing"]
    assert (routing["task_source"], routing["task_confidence"] < 0.5) == ("classifier", True)
    assert routing["weights"]["quality"] == load_policy("default").unsure_quality_share


def test_a_dry_run_names_its_policy_and_its_prices():
    routing = _route()["routing"]
    assert routing["policy_version"] == load_policy("default").version
    assert routing["price_version"] == price_version()
    assert routing["propensity"] == 1
    assert "shadow" not in routing


def test_a_second_policy_is_shown_beside_the_first(environment):
    environment(SHADOW_POLICY="default")
    routing = _route()["routing"]
    assert routing["shadow"]["policy_version"] == routing["policy_version"]
    assert routing["shadow"]["selected_model"] == routing["selected_model"]


def test_a_dry_run_keeps_nothing(state_table, capsys):
    _route(text=SECRET, session_id="conversation-1")
    assert state_table.scan()["Count"] == 0
    assert SECRET not in capsys.readouterr().out


def test_an_unreadable_state_table_stops_no_dry_run(state_table):
    boto3.client("dynamodb").delete_table(TableName=state_table.name)
    assert _route()["routing"]["candidates"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"text": "a", "messages": []}, "messages"),
        ({"text": "a", "prompt": "b"}, "prompt"),
        ({"text": "a", "task": "translate"}, "task"),
        ({"text": "a", "max_cost_usd": -1}, "max_cost_usd"),
        ({"text": "a", "session_id": "a b"}, "session_id"),
    ],
)
def test_a_bad_request_is_refused_as_generate_refuses_it(body, field):
    error = _refused(json.dumps(body), "invalid_request")
    assert error["details"][0]["field"] == field
    assert all(one.keys() == {"field", "problem"} for one in error["details"])


@pytest.mark.parametrize(
    "body",
    [
        *("", "{", "[]", "7", "null", '"text"', '{"text": "a"} {}', '{"text": NaN}'),
        '{"text": ' + "[" * 50_000 + "]" * 50_000 + "}",
        '{"text": "a", "max_latency_ms": ' + "9" * 5_000 + "}",
    ],
    ids=lambda body: body[:20],
)
def test_what_is_no_object_of_json_is_an_invalid_request(body):
    error = _refused(body, "invalid_request")
    assert error["details"][0].keys() == {"field", "problem"}


def test_a_request_without_a_body_is_invalid():
    _refused(None, "invalid_request")


def test_a_request_that_fits_no_state_is_too_large():
    _refused(json.dumps({"text": "x" * 300_000}), "payload_too_large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/jsonx"])
def test_anything_but_json_is_an_unsupported_media_type(content_type):
    _refused('{"text": "a"}', "unsupported_media_type", content_type=content_type)


@pytest.mark.parametrize("content_type", [None, "", "Application/JSON; charset=utf-8"])
def test_json_needs_no_type_and_may_have_a_character_set(content_type):
    assert _ask('{"text": "a", "task": "chat"}', content_type=content_type)[0] == 200


def test_limits_that_exclude_every_model_name_each_of_them():
    error = _refused('{"text": "a", "max_cost_usd": 1e-9, "task": "chat"}', "no_eligible_model")
    named = {one["model"] for one in error["details"]}
    assert named == {one.id for one in load_catalogue().for_text}


def test_an_unknown_pinned_model_is_not_found_and_a_retired_one_is_invalid():
    _refused('{"text": "a", "model": "gpt-99"}', "not_found")
    _refused('{"text": "a", "model": "gpt-4-turbo", "fallback": false}', "invalid_request")


def _limited(**limits):
    return Caller(name="team-a", limits=Limits(**limits), stage_limits=Limits(month_nano_usd=10**9))


@pytest.fixture
def spent(budgets_table, environment):
    environment(BUDGETS_TABLE="Budgets", PROVIDERS_CONFIGURED="openai,local", MOCK_PROVIDERS="auto")

    def spend(**nano_usd):
        month = f"month#{datetime.now(UTC):%Y-%m}"
        for id_, amount in nano_usd.items():
            name = "stage" if id_ == "stage" else "caller#key-1"
            budgets_table.put_item(Item={"budget_id": name, month: amount})

    return spend


def test_a_dry_run_says_what_is_left_and_nothing_of_what_others_spent(spent):
    spent(caller=400_000_000, stage=123_456_789)
    status, answer = _ask(
        '{"text": "a", "task": "chat"}',
        caller=_limited(month_nano_usd=10**9, tokens_per_minute=50_000, mode="expected"),
    )
    assert status == 200, answer
    shown = answer["routing"]["budgets"]
    own, stage = shown.pop("limits")
    assert (own["limit"], own["limit_usd"], own["left_usd"]) == ("caller's month", 1.0, 0.6)
    assert stage.keys() == {"limit", "renews_at"}
    assert shown == {"mode": "expected", "tokens_per_minute": {"limit": 50_000, "left": 50_000}}
    for one in answer["routing"]["candidates"]:
        need, most = one["need"], one["worst_case_cost_usd"]
        assert need["least_cost_usd"] < need["held_cost_usd"] < most
        assert need["overshoot_usd"] == pytest.approx(most - need["held_cost_usd"])


def test_a_dry_run_says_what_a_budget_keeps_out(spent):
    spent(caller=999_000_000)
    status, answer = _ask('{"text": "a", "task": "chat"}', caller=_limited(month_nano_usd=10**9))
    assert status == 200, answer
    out = [one["reason"] for one in answer["routing"]["excluded"]]
    assert any("0.001 are left of the caller's month until" in reason for reason in out)
    assert answer["routing"]["ranked_as"] == "cheap"
    weights = answer["routing"]["weights"]
    assert max(weights, key=weights.get) == "cost"


def test_a_dry_run_is_refused_as_the_request_would_be(spent):
    spent(caller=10**9)
    caller = _limited(month_nano_usd=10**9)
    [detail] = _refused('{"text": "a", "task": "chat"}', "budget_exceeded", caller=caller)[
        "details"
    ]
    assert detail.keys() == {"limit", "limit_usd", "left_usd", "needed_usd", "renews_at"}
    assert (detail["limit"], detail["left_usd"]) == ("caller's month", 0)
    minute = _limited(tokens_per_minute=1)
    _refused('{"text": "a", "task": "chat"}', "no_eligible_model", caller=minute)


@pytest.mark.parametrize(
    ("caller", "asked", "field"),
    [
        (Caller(tasks=["code"]), {}, "task"),
        (Caller(tasks=["code"]), {"task": "auto", "text": "Tell me about Bern."}, "task"),
        (Caller(models=["gpt-4o"]), {"model": "gpt-4o-mini"}, "model"),
    ],
)
def test_what_a_caller_may_not_ask_is_forbidden_by_name(caller, asked, field):
    body = json.dumps({"text": "a", "task": "chat"} | asked)
    [detail] = _refused(body, "forbidden", caller=caller)["details"]
    assert detail["field"] == field
    assert "of this caller" in detail["problem"]


def test_a_caller_whose_time_has_passed_is_refused():
    _refused('{"text": "a"}', "forbidden", caller=Caller(expires_at_s=1))


def test_a_failure_of_our_own_shows_nothing_of_itself(monkeypatch, capsys):
    from functions.route import dry_run

    def fails(*_arguments):
        raise KeyError(SECRET)

    monkeypatch.setattr(dry_run, "decide", fails)
    error = _refused('{"text": "a", "task": "chat"}', "internal_error")
    assert error["message"] == "The engine failed inside."
    assert SECRET not in capsys.readouterr().out


def test_a_path_that_the_function_does_not_know_is_not_found():
    status, answer = ask(lambda_handler, "GET", "/v1/route/é")
    assert (status, answer["error"]["code"]) == (404, "not_found")
