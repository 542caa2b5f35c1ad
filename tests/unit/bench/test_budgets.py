from datetime import UTC, datetime

import pytest

from bench import budgets
from bench.budgets import Sizes, _past, _sizes, _tables
from functions.shared.money.budget import Budget
from functions.sweep.leftovers import leftovers

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SIZES = Sizes(own=[700, 800, 1_100], stage=[600, 1_000, 4_100], kept=400)


@pytest.mark.parametrize(
    ("open_holds", "stage", "writes", "reads"),
    [(1, False, 3, 2), (1, True, 5, 3), (2, False, 5, 2), (2, True, 15, 4)],
)
def test_an_attempt_writes_each_budget_twice_and_its_call_once(open_holds, stage, writes, reads):
    assert SIZES.write_units(open_holds, stage=stage) == writes
    assert SIZES.read_units(open_holds, stage=stage) == reads


def test_of_its_past_a_budget_has_what_the_sweeper_leaves():
    past = _past(NOW)
    assert leftovers(Budget(past), NOW) == ()
    days = sorted(name for name in past if name.startswith("day#"))
    assert (days[0], days[-1]) == ("day#2026-10-27", "day#2026-11-27")


def test_an_attempt_of_a_caller_on_one_limit_takes_three_units_and_of_two_limits_five(monkeypatch):
    monkeypatch.setattr(budgets, "MOST_HELD", 3)
    with _tables():
        sizes = _sizes()
    assert (sizes.write_units(1, stage=False), sizes.write_units(1, stage=True)) == (3, 5)
    assert sizes.own[0] < sizes.own[1] < sizes.own[2]
