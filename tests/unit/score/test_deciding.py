import os
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import ClassVar

import boto3
import pytest

from functions.score import budgets
from functions.score.deciding import decide
from functions.shared.caller import Caller, Limits
from functions.shared.health import reader
from functions.shared.health.counts import minute_id
from functions.shared.money.budget_table import BudgetTable
from functions.shared.policy.explanation import reason_of
from functions.shared.settings import ScoreSettings
from functions.shared.storage.state_table import Change, StateTable, session_state_id
from tests.support.builders import profile

SETTINGS = ScoreSettings(
    STATE_TABLE="State", PROVIDERS_CONFIGURED=frozenset({"openai", "anthropic"})
)
BUDGETED = SETTINGS.model_copy(update={"BUDGETS_TABLE": "Budgets"})
BUSY = "gpt-6-luna"


class CountingState(StateTable):
    """The real table, and how often it was asked."""

    reads = 0

    def read(self, state_ids, **options):
        ids = list(state_ids)
        self.reads += bool(ids)
        return super().read(ids, **options)


@pytest.fixture
def state(state_table):
    return CountingState("State")


def _profile(**changes):
    return profile("chat", started_at_ms=int(time.time() * 1000), **changes)


def _fail(state, model, faults):
    now = datetime.now(UTC)
    last = {f"last_fault_at_ms|{model}": int(now.timestamp() * 1000)}
    expires_at = int(now.timestamp()) + 60
    state.add(Change(minute_id("openai", now), expires_at, {f"faults|{model}": faults}, last))


def _keep(state, session_id, model, key="key-1"):
    state.keep_session_model(session_state_id(key, session_id), model, int(time.time()) + 60)


def test_a_request_costs_one_look_up_at_most_and_its_followers_none(state):
    for _ in range(5):
        decide(_profile(), SETTINGS, state)
    assert state.reads == 1
    decide(_profile(session_id="s1"), SETTINGS, state)
    assert state.reads == 2


def test_health_is_read_again_when_it_is_old(state, monkeypatch):
    decide(_profile(), SETTINGS, state)
    monkeypatch.setattr(reader, "MAX_AGE_S", 0)
    decide(_profile(), SETTINGS, state)
    assert state.reads == 2


def test_a_model_that_keeps_failing_is_asked_last_and_the_reason_says_so(state):
    _fail(state, BUSY, 9)
    decision = decide(_profile(), SETTINGS, state).decision
    assert BUSY not in {one.model for one in decision.candidates}
    assert decision.reserve[-1].model == BUSY
    reasons = {one.model: one.reason for one in decision.excluded}
    assert reasons[BUSY] == ("circuit open: 9 of its last 9 attempts failed; kept as a last resort")


def test_a_conversation_stays_with_its_model(state):
    _keep(state, "s1", "claude-sonnet-5-5")
    asked = _profile(session_id="s1")
    decided = decide(asked, SETTINGS, state)
    assert decided.candidates[0].model == "claude-sonnet-5-5"
    reason = reason_of("claude-sonnet-5-5", decided.decision, asked)
    assert reason.startswith("Answered this conversation before")


def test_a_conversation_leaves_a_model_that_is_down(state):
    _keep(state, "s1", BUSY)
    _fail(state, BUSY, 9)
    assert decide(_profile(session_id="s1"), SETTINGS, state).candidates[0].model != BUSY


def test_a_conversation_of_another_key_is_another_conversation(state):
    _keep(state, "s1", "claude-sonnet-5-5", key="key-2")
    decision = decide(_profile(session_id="s1"), SETTINGS, state).decision
    assert decision.routing_context.session_model is None


def test_a_pin_is_stronger_than_the_conversation(state):
    _keep(state, "s1", "claude-sonnet-5-5")
    asked = _profile(session_id="s1", model="gpt-4o")
    assert decide(asked, SETTINGS, state).candidates[0].model == "gpt-4o"


def test_without_the_table_the_decision_is_made_on_priors(aws):
    decision = decide(_profile(session_id="s1"), SETTINGS, StateTable("NoSuchTable")).decision
    assert decision.routing_context.health == {}
    assert decision.candidates


def test_a_failed_read_keeps_what_was_known_and_says_since_when(state, state_table, monkeypatch):
    _fail(state, BUSY, 9)
    fresh = decide(_profile(), SETTINGS, state).decision
    assert fresh.routing_context.health_stale_since_ms is None
    monkeypatch.setattr(reader, "MAX_AGE_S", 0)
    boto3.client("dynamodb").delete_table(TableName=state_table.name)
    stale = decide(_profile(), SETTINGS, state).decision
    assert stale.routing_context.health == fresh.routing_context.health != {}
    assert BUSY not in {one.model for one in stale.candidates}
    assert stale.routing_context.health_stale_since_ms <= time.time() * 1000


def test_what_is_known_of_one_stages_providers_is_nothing_to_anothers(state):
    _fail(state, BUSY, 9)
    assert BUSY in decide(_profile(), SETTINGS, state).decision.routing_context.health
    other = SETTINGS.model_copy(update={"PROVIDERS_CONFIGURED": frozenset({"anthropic"})})
    assert decide(_profile(), other, state).decision.routing_context.health == {}


def test_the_candidates_to_call_are_the_decisions_with_its_reserve_last(state):
    _fail(state, BUSY, 9)
    decided = decide(_profile(), SETTINGS, state)
    ranked = (*decided.decision.candidates, *decided.decision.reserve)
    assert [one.model for one in decided.candidates] == [one.model for one in ranked]
    assert {one.provider for one in decided.candidates} == {"openai", "anthropic"}


def test_the_history_of_other_tasks_does_not_travel_with_the_request(state):
    day = f"health#openai#{datetime.now(UTC):%Y-%m-%d}"
    added = {
        f"{name}|{BUSY}|{task}": 7
        for name in ("answers", "output_tokens")
        for task in ("chat", "code")
    }
    state.add(Change(day, int(time.time()) + 60, added))
    assert decide(_profile(), SETTINGS, state).decision.routing_context.health[
        BUSY
    ].tasks.keys() == {"chat"}


def test_a_shadow_policy_is_scored_and_decides_nothing(state):
    settings = SETTINGS.model_copy(update={"SHADOW_POLICY": "default"})
    decision = decide(_profile(), settings, state).decision
    assert decision.shadow.selected_model == decision.candidates[0].model
    assert decision.shadow.policy_version == decision.policy_version
    assert decide(_profile(), SETTINGS, state).decision.shadow is None


def test_a_stages_prices_are_a_part_of_the_decision_and_of_what_it_rests_on(state):
    asked = _profile(model="gpt-4o-mini")
    listed = decide(asked, SETTINGS, state).decision
    assert "price_factors" not in listed.model_dump(mode="json")["routing_context"]
    dearer = SETTINGS.model_copy(update={"PRICE_FACTORS": {"openai": Decimal("1.1")}})
    told = decide(asked, dearer, state).decision
    assert told.model_dump(mode="json")["routing_context"]["price_factors"] == {"openai": "1.1"}
    first, second = listed.ranked("gpt-4o-mini"), told.ranked("gpt-4o-mini")
    assert second.worst_case_cost_nano_usd == round(first.worst_case_cost_nano_usd * 1.1)


LIMITED = Caller(
    limits=Limits(month_nano_usd=1_000_000_000, tokens_per_minute=90_000),
    stage_limits=Limits(month_nano_usd=5_000_000_000),
)


class CountingBudgets(BudgetTable):
    reads: ClassVar[list[str]] = []

    def read(self, id_):
        self.reads.append(id_)
        return super().read(id_)


@pytest.fixture
def budget_reads(monkeypatch):
    monkeypatch.setattr(CountingBudgets, "reads", [])
    monkeypatch.setattr(budgets, "BudgetTable", CountingBudgets)
    return CountingBudgets.reads


def test_a_caller_without_limits_costs_no_look_at_a_budget(state, budget_reads):
    decide(_profile(), SETTINGS, state)
    decide(_profile(caller=Caller(name="team-a", models=["gpt-4o"])), SETTINGS, state)
    assert budget_reads == []


def test_what_is_left_of_the_callers_and_the_stages_budget_is_a_part_of_the_decision(
    state, budgets_table, budget_reads
):
    now = datetime.now(UTC)
    month = f"month#{now:%Y-%m}"
    budgets_table.put_item(Item={"budget_id": "caller#key-1", month: 600_000_000})
    budgets_table.put_item(Item={"budget_id": "stage", month: 700_000_000})
    decision = decide(_profile(caller=LIMITED), BUDGETED, state).decision
    assert budget_reads == ["caller#key-1", "stage"]
    left = decision.routing_context.budgets_left
    assert [(one.name, one.left_nano_usd) for one in left.money] == [
        ("caller's month", 400_000_000),
        ("stage's month", 4_300_000_000),
    ]
    assert left.tokens.left == 90_000
    assert decision.candidates[0].need is not None


def test_a_budget_that_cannot_be_read_limits_nothing_here(state, aws, caplog):
    unread = decide(_profile(caller=LIMITED), BUDGETED, state)
    plain = decide(_profile(), BUDGETED, state)
    assert unread.decision.routing_context.budgets_left is None
    assert [one.model for one in unread.candidates] == [one.model for one in plain.candidates]
    assert "budget unavailable" in caplog.text


def test_the_factors_are_json_in_the_environment(monkeypatch):
    monkeypatch.setenv("STATE_TABLE", "State")
    monkeypatch.setenv("PRICE_FACTORS", '{"azure_openai": "1.2"}')
    settings = ScoreSettings.model_validate(dict(os.environ))
    assert {"azure_openai": Decimal("1.2")} == settings.PRICE_FACTORS
