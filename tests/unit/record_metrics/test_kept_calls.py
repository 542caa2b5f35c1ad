"""What a job's function kept of its call before it was killed."""

from datetime import UTC, datetime

import boto3
import pytest

from functions.record_metrics.recording import record
from functions.shared.caller import Limits
from functions.shared.contracts.states import Attempt
from functions.shared.money.budget import Hold
from functions.shared.money.budget_table import BudgetTable
from functions.shared.money.job_calls import call_change
from functions.shared.storage.request_log import RequestLog
from functions.shared.storage.state_table import StateTable
from functions.shared.storage.tables import table
from tests.support.builders import candidate, decision, finished, profile, ranked
from tests.support.recording import stores

KILLED = {"Error": "Sandbox.Timedout", "Cause": "Task timed out after 270.00 seconds"}
ESTIMATED_NANO_USD = 1_000_000


@pytest.fixture
def recorded(requests_table, state_table, budgets_table, jobs_table):
    def row_of(mode, caller=None):
        failure = {"candidate": candidate(), "error": KILLED}
        event = finished(
            mode=mode,
            decision=decision(ranked()),
            failures=[failure],
            error=KILLED,
            profile=profile(caller=caller or {}),
        )
        budgets = BudgetTable(budgets_table)
        record(event, stores("", budgets))
        return RequestLog("Requests").get("req_1")

    return row_of


def _keep(number, **amounts):
    kept = {"model": "gpt-4o-mini", "provider": "openai", "outcome": "success", "cost_nano_usd": 77}
    kept |= amounts
    change = call_change("req_1", number, Attempt.model_validate(kept), datetime.now(UTC))
    StateTable("State").add(change)


def test_a_killed_call_costs_what_it_had_kept(recorded):
    _keep(1)
    row = recorded("async")
    [attempt] = row["attempts"]
    assert (row["cost_nano_usd"], attempt["cost_nano_usd"]) == (77, 77)
    assert attempt["outcome"] == "Sandbox.Timedout"
    assert "possibly_billed_nano_usd" not in row


def test_without_its_own_call_it_is_assumed(recorded):
    _keep(2)
    row = recorded("async")
    assert (row["cost_nano_usd"], row["possibly_billed_nano_usd"]) == (0, ESTIMATED_NANO_USD)


def test_nothing_is_looked_up_for_a_request_that_somebody_waits_for(recorded):
    _keep(1)
    assert recorded("sync")["possibly_billed_nano_usd"] == ESTIMATED_NANO_USD


LIMITS = Limits(month_nano_usd=10**9)
LIMITED = {"limits": LIMITS.model_dump()}


def _hold():
    hold = Hold("req_1", 1, 5_000, 0, "2026-11-24", "", 10**10, "w")
    budgets = BudgetTable(table("Budgets"))
    assert budgets.reserve("caller#key-1", LIMITS, hold) is None
    return budgets, hold


def test_of_a_caller_with_a_budget_what_was_kept_counts_for_sync_requests_too(recorded):
    _hold()
    _keep(1, charged_nano_usd=77)
    row = recorded("sync", LIMITED)
    assert row["cost_nano_usd"] == row["attempts"][0]["charged_nano_usd"] == 77


@pytest.mark.parametrize("given_up", [False, True])
def test_a_killed_call_is_charged_all_that_is_held_for_it(recorded, given_up):
    budgets, hold = _hold()
    if given_up:
        assert budgets.assume("caller#key-1", hold)
    row = recorded("sync", LIMITED)
    assert row["attempts"][0]["charged_nano_usd"] == 5_000
    assert row["possibly_billed_nano_usd"] == ESTIMATED_NANO_USD


def test_where_nothing_is_held_nothing_is_charged(recorded):
    assert "charged_nano_usd" not in recorded("sync", LIMITED)["attempts"][0]


def test_a_budget_that_cannot_be_read_costs_nobody_the_row(recorded, budgets_table):
    _hold()
    boto3.client("dynamodb").delete_table(TableName=budgets_table.name)
    assert recorded("sync", LIMITED)["possibly_billed_nano_usd"] == ESTIMATED_NANO_USD
