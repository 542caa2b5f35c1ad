"""A hold that its own call did not settle."""

import json
from datetime import UTC, datetime

import pytest

from functions.shared.caller import Limits
from functions.shared.contracts.states import Attempt
from functions.shared.money.budget import ASSUMED, Hold
from functions.shared.money.budget_table import BudgetTable
from functions.shared.money.expired_holds import close_expired
from functions.shared.money.job_calls import call_change
from functions.shared.storage.state_table import StateTable

ID = "caller#abc"
LIMITS = Limits(day_nano_usd=1_000, tokens_per_minute=500)
HOLD = Hold("req_1", 2, 100, 50, "2026-11-27", "2026-11-27T10:00", 1_795_780_000, "w1")


@pytest.fixture
def budgets(budgets_table, state_table):
    table = BudgetTable(budgets_table)
    assert table.reserve(ID, LIMITS, HOLD) is None
    return table


def _keep(number, **call):
    told = {"model": "gpt-4o-mini", "provider": "openai", "outcome": "success", **call}
    change = call_change("req_1", number, Attempt.model_validate(told), datetime.now(UTC))
    StateTable("State").add(change)


def _closed(budgets):
    close_expired(ID, HOLD, StateTable("State"), budgets)
    return budgets.read(ID)


def _sums(budget):
    day, minute = f"day#{HOLD.day}", f"tokens#{HOLD.minute}"
    return budget.committed(day), budget.committed("settled"), budget.committed(minute)


def test_a_kept_call_settles_its_hold_exactly(budgets):
    _keep(2, charged_nano_usd=37, usage={"input_tokens": 8, "output_tokens": 3})
    budget = _closed(budgets)
    assert _sums(budget) == (37, 37, 11)
    assert budget.holds() == budget.holds(ASSUMED) == []


def test_a_kept_call_that_was_not_billed_charges_nothing(budgets):
    _keep(2)
    assert _sums(_closed(budgets)) == (0, 0, HOLD.tokens)


def test_without_its_own_call_all_of_a_hold_is_charged_and_told(budgets, capsys, caplog):
    _keep(1, charged_nano_usd=37)
    budget = _closed(budgets)
    assert _sums(budget) == (100, 100, 50)
    assert budget.holds(ASSUMED) == [HOLD]
    assert json.loads(capsys.readouterr().out)["HoldAssumed"] == [1]
    [told] = caplog.records
    assert (told.message, told.request_id, told.nano_usd) == ("hold assumed", "req_1", 100)


def test_a_second_one_to_close_changes_and_tells_nothing(budgets, caplog):
    first = _closed(budgets)
    caplog.clear()
    assert _closed(budgets) == first
    assert caplog.records == []


def test_the_truth_that_comes_late_still_counts(budgets):
    _closed(budgets)
    assert budgets.settle(ID, HOLD, 37, 11)
    assert _sums(budgets.read(ID)) == (37, 37, 11)
