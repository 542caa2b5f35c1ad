import json

import boto3
import pytest

from functions.api.handler import lambda_handler
from functions.shared.caller import Caller, Limits
from tests.support.gateway_events import ask

LIMITS = Limits(total_nano_usd=2_000_000_000, tokens_per_minute=100, mode="expected")
STAGES = Limits(month_nano_usd=9_000_000_000)


@pytest.fixture(autouse=True)
def _environment(environment, budgets_table):
    environment(REQUESTS_TABLE="Requests", STATE_TABLE="State", JOBS_STATE_MACHINE_ARN="arn")
    budgets_table.put_item(Item={"budget_id": "caller#key-1", "total": 500_000_000})
    budgets_table.put_item(Item={"budget_id": "caller#key-2", "total": 1_750_000_000})


def _get(caller, caller_id="key-1"):
    return ask(lambda_handler, "GET", "/v1/caller", caller_id=caller_id, caller=caller)


def test_a_caller_is_told_who_it_is_what_it_may_ask_and_what_is_left():
    caller = Caller(
        name="team-a", models=["gpt-4o"], tasks=["chat"], expires_at_s=4_000_000_000, limits=LIMITS
    )
    status, told = _get(caller)
    budget = told.pop("budget")
    assert (status, told) == (
        200,
        {
            "caller_id": "key-1",
            "name": "team-a",
            "plan": "standard",
            "expires_at": "2096-10-02T07:06:40.000Z",
            "models": ["gpt-4o"],
            "tasks": ["chat"],
            "cache_ttl_seconds": 0,
        },
    )
    assert budget == {
        "of": "caller",
        "name": "team-a",
        "mode": "expected",
        "tier_down_at": 0.8,
        "limits": [
            {
                "period": "total",
                **{"limit_usd": 2.0, "spent_usd": 0.5, "held_usd": 0.0, "left_usd": 1.5},
                "used": 0.25,
                "renews_at": None,
            }
        ],
        "tokens_per_minute": {"limit": 100, "left": 100},
    }


def test_who_has_no_limits_may_ask_and_spend_what_it_likes():
    nothing = dict.fromkeys(("expires_at", "models", "tasks", "budget"))
    assert _get(Caller(name="team-b"))[1].items() >= nothing.items()
    assert _get(Caller())[1]["name"] == "key-1"


@pytest.mark.parametrize("plan", ["standard", "operator"])
def test_nobody_is_told_the_stages_budget_or_anothers(plan):
    both = Caller(name="team-a", plan=plan, limits=LIMITS, stage_limits=STAGES)
    told = _get(both)[1]
    assert [one["period"] for one in told["budget"]["limits"]] == ["total"]
    assert "1.75" not in json.dumps(told)
    assert _get(Caller(stage_limits=STAGES))[1]["budget"] is None


def test_budgets_that_cannot_be_read_are_not_guessed(budgets_table):
    boto3.client("dynamodb").delete_table(TableName=budgets_table.name)
    assert _get(Caller(limits=LIMITS))[0] == 500
