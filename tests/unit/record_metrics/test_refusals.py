"""What is noted in the budgets that a request was refused for."""

import pytest

from functions.record_metrics.recording import Stores, record
from functions.shared.caller import Caller, Limits
from functions.shared.errors import BudgetExceeded, ProviderTimeout
from functions.shared.money.budget import STAGE_ID, budget_id
from functions.shared.money.budget_table import BudgetTable
from functions.shared.storage.dead_letters import DeadLetters
from functions.shared.storage.job_table import JobTable
from functions.shared.storage.request_log import RequestLog
from functions.shared.storage.state_table import StateTable
from tests.support.builders import caught, finished, profile

CALLER = Caller(
    limits=Limits(day_nano_usd=50, month_nano_usd=700),
    stage_limits=Limits(month_nano_usd=9_000),
)


@pytest.fixture
def refused(requests_table, state_table, budgets_table):
    """What the budgets note of a request that ended so, by their ids."""
    budgets = BudgetTable(budgets_table)

    def noted(error, caller=CALLER):
        event = finished(error=caught(error), profile=profile(caller=caller))
        log, state, jobs = RequestLog("Requests"), StateTable("State"), JobTable("Jobs")
        stores = Stores(log, state, DeadLetters(""), budgets, jobs, 30)
        record(event, stores)
        own = budget_id(event.caller_id)
        items = {id_: budgets.read(id_).item for id_ in (own, STAGE_ID)}
        return {
            id_.partition("#")[0]: {
                name.rpartition("-")[0]: text
                for name, text in item.items()
                if name.startswith("refused#")
            }
            for id_, item in items.items()
        }, budgets.open_ids()

    return noted


def _exceeded(*limits):
    return BudgetExceeded("No.", details=[{"limit": limit} for limit in limits])


@pytest.mark.parametrize(
    ("limits", "own", "stage"),
    [
        (["caller's month"], {"700"}, set()),
        (["caller's month", "caller's day"], {"700", "50"}, set()),
        (["stage's month"], set(), {"9000"}),
        (["caller's total"], set(), set()),
    ],
)
def test_each_limit_that_refused_a_request_is_noted_in_its_budget(refused, limits, own, stage):
    noted, ids = refused(_exceeded(*limits))
    assert {*noted["caller"].values()} == own
    assert {*noted["stage"].values()} == stage
    assert len(ids) == bool(own) + bool(stage)


def test_another_end_is_no_refusal(refused):
    error = ProviderTimeout("slow", details=[{"limit": "caller's month"}])
    assert refused(error) == ({"caller": {}, "stage": {}}, [])


def test_who_has_no_limit_has_no_budget(refused):
    assert refused(_exceeded("caller's month"), Caller()) == ({"caller": {}, "stage": {}}, [])
