"""What calls have left behind, and what two runs at once make of it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from functions.shared.caller import Limits
from functions.shared.money import budget_table
from functions.shared.money.budget import ASSUMED, HOLD, STAGE_ID, Budget, Hold
from functions.sweep.leftovers import MOST_REMOVED, leftovers
from functions.sweep.sweeping import NotSwept, sweep
from tests.unit.sweep.conftest import ID

NOW = datetime(2026, 3, 15, 10, 30, tzinfo=UTC)


def _month():
    return f"month#{datetime.now(UTC):%Y-%m}"


def _spent(bench, id_=ID):
    budget = bench.budget(id_)
    return budget.committed(_month()), budget.committed("settled")


def test_an_expired_hold_costs_what_its_call_was_kept_at_else_all_of_it(bench):
    bench.hold("req_1")
    bench.hold("req_2")
    bench.keep("req_2", charged_nano_usd=37)
    bench.sweep()
    assert _spent(bench) == (137, 137)
    assert bench.budget().holds() == []
    assert [hold.request_id for hold in bench.budget().holds(ASSUMED)] == ["req_1"]
    assert bench.budgets.open_ids() == []


def test_a_hold_whose_call_may_still_run_is_left_open(bench):
    open_hold = bench.hold(age_s=-5)
    bench.hold("req_2", 1)
    bench.sweep()
    assert bench.budget().holds() == [open_hold]
    assert bench.budgets.open_ids() == [ID]


def test_every_budget_of_a_call_is_charged_the_same(bench):
    bench.keep("req_1", charged_nano_usd=37)
    for id_ in (ID, STAGE_ID):
        bench.hold("req_1", id_=id_)
    bench.sweep()
    assert _spent(bench) == _spent(bench, STAGE_ID) == (37, 37)


def test_the_truth_that_comes_after_the_sweep_corrects_it(bench):
    late = bench.hold()
    bench.sweep()
    assert bench.budgets.settle(ID, late, 37, 0)
    assert _spent(bench) == (37, 37)
    assert bench.budget().holds(ASSUMED) == []
    bench.sweep()
    assert _spent(bench) == (37, 37)


def test_runs_that_overlap_charge_each_hold_once(bench):
    expected = 0
    for number in range(30):
        bench.hold(f"req_{number}", nano_usd=100)
        if number % 2:
            bench.keep(f"req_{number}", charged_nano_usd=number)
        expected += number if number % 2 else 100
    with ThreadPoolExecutor(4) as runs:
        list(runs.map(lambda _: sweep(bench.stores), range(4)))
    assert _spent(bench) == (expected, expected)
    assert bench.budget().holds() == []
    bench.sweep()
    assert bench.budgets.open_ids() == []


def test_a_budget_that_is_held_while_it_is_looked_at_stays_in_the_index(bench, monkeypatch):
    bench.hold()
    close = budget_table.BudgetTable.close

    def hold_then_close(self, *arguments):
        bench.hold("req_2", age_s=-60)
        return close(self, *arguments)

    monkeypatch.setattr(budget_table.BudgetTable, "close", hold_then_close)
    bench.sweep()
    assert bench.budgets.open_ids() == [ID]
    assert len(bench.budget().holds()) == 1


def test_one_budget_that_fails_keeps_no_other_from_being_swept(bench, monkeypatch):
    bench.hold()
    bench.hold(id_=STAGE_ID)
    read = budget_table.BudgetTable.read

    def failing(self, id_):
        if id_ == ID:
            raise ClientError({"Error": {"Code": "InternalServerError"}}, "GetItem")
        return read(self, id_)

    monkeypatch.setattr(budget_table.BudgetTable, "read", failing)
    with pytest.raises(NotSwept, match="1"):
        bench.sweep()
    monkeypatch.undo()
    assert bench.budgets.open_ids() == [ID]
    assert _spent(bench, STAGE_ID) == (100, 100)


# What is old


def _left(*names, now=NOW, **holds):
    item = dict.fromkeys(names, 1) | holds
    return set(leftovers(Budget(item), now))


def test_days_months_and_their_notes_go_when_nobody_asks_for_them_any_more():
    old = {
        "day#2026-02-11",
        "alerted#day#2026-02-11",
        "month#2025-12",
        "refused#month#2025-12",
        "opening#month#2025-12",
    }
    kept = {"day#2026-02-12", "day#2026-03-15", "month#2026-01", "alerted#month#2026-03"}
    assert _left(*old, *kept, "total", "alerted#total", "settled", "opening#day#2026-03-15") == old


def test_past_minutes_go_unless_a_hold_is_open_in_them():
    hold = Hold("req_1", 1, 5, 7, "2026-03-15", "2026-03-15T10:27", 2_000_000_000, "w")
    item = {HOLD + hold.key: hold.to_text()}
    minutes = [f"tokens#2026-03-15T10:{minute}" for minute in (27, 28, 30, 31)]
    assert _left(*minutes, **item) == {"tokens#2026-03-15T10:28"}


def test_what_was_assumed_goes_when_no_truth_can_come_any_more():
    ends = {"a": NOW - timedelta(days=2, seconds=1), "b": NOW - timedelta(days=1)}
    holds = [
        Hold(name, 1, 5, 0, "2026-03-13", "2026-03-13T10:00", int(end.timestamp()), "w")
        for name, end in ends.items()
    ]
    item = {ASSUMED + hold.key: hold.to_text() for hold in holds}
    assert _left(**item) == {"assumed#a#1"}


def test_what_is_old_is_taken_away_in_as_many_runs_as_it_needs(bench):
    bench.hold(age_s=-3600)
    names = [f"tokens#2026-01-01T{n // 60:02}:{n % 60:02}" for n in range(MOST_REMOVED + 1)]
    for name in names:
        bench.table.update_item(
            Key={"budget_id": ID},
            UpdateExpression="SET #0 = :0",
            ExpressionAttributeNames={"#0": name},
            ExpressionAttributeValues={":0": 1},
        )
    bench.sweep()
    assert len(bench.budget().item.keys() & {*names}) == 1
    bench.sweep()
    assert not bench.budget().item.keys() & {*names}
    assert bench.budget().committed(_month()) == 100


def test_a_hold_of_the_past_month_is_settled_in_that_month(bench):
    last = datetime.now(UTC).replace(day=1) - timedelta(days=1)
    ended = Hold("req_1", 1, 100, 0, f"{last:%Y-%m-%d}", "", int(last.timestamp()), "w")
    assert bench.budgets.reserve(ID, Limits(), ended) is None
    bench.keep(charged_nano_usd=37)
    bench.sweep()
    assert bench.budget().committed(f"month#{last:%Y-%m}") == 37
    assert bench.budget().committed(_month()) == 0
