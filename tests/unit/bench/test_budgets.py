import re
from datetime import UTC, datetime
from pathlib import Path

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


def test_the_units_that_are_published_are_those_of_the_items(monkeypatch):
    monkeypatch.setattr(budgets, "MOST_HELD", 25)
    with _tables():
        sizes = _sizes()
    units = [
        ", ".join(str(sizes.write_units(held, stage=stage)) for held in (1, 10, 24))
        for stage in (False, True)
    ]
    published = re.sub("<!--.*?-->", "", Path("docs/budgets.md").read_text("utf-8"))
    (row,) = (line for line in published.splitlines() if line.startswith("| write units per"))
    assert re.findall(r"\d+, \d+, \d+(?=, \d+ \|)", row) == units
