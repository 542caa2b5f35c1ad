"""Whatever happens to calls, in whatever order and however often: a budget's sums are exact."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.shared.caller import Limits
from functions.shared.money.budget import Hold
from functions.shared.money.budget_table import BudgetTable
from functions.shared.storage.tables import table

DAYS = ("2026-11-29", "2026-11-30", "2026-12-01")
MINUTE = "2026-11-30T10:00"
DAY, MONTH, TOTAL, TOKENS_PER_MINUTE = 60, 100, 130, 50
LIMITS = Limits(
    day_nano_usd=DAY,
    month_nano_usd=MONTH,
    total_nano_usd=TOTAL,
    tokens_per_minute=TOKENS_PER_MINUTE,
)
IDS = itertools.count()

CALLS = st.integers(0, 5)
RESERVE = st.tuples(CALLS, st.integers(0, 40), st.integers(0, 20), st.sampled_from(DAYS))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), RESERVE),
        # Never more than was held: a worst case is one.
        st.tuples(st.just("settle"), st.tuples(CALLS, st.floats(0, 1))),
        st.tuples(st.just("assume"), st.tuples(CALLS)),
    ),
    max_size=25,
)


class Books:
    """A budget, and what it should say, kept the simple way."""

    def __init__(self, table):
        self.table, self.id = table, f"caller#{next(IDS)}"
        self.open: dict[int, Hold] = {}
        self.assumed: dict[int, Hold] = {}
        self.settled: list[Hold] = []

    def committed(self, prefix=""):
        known = (*self.open.values(), *self.assumed.values(), *self.settled)
        return sum(one.nano_usd for one in known if one.day.startswith(prefix))

    def tokens(self):
        return sum(
            one.tokens for one in (*self.open.values(), *self.assumed.values(), *self.settled)
        )

    def fits(self, hold):
        money = {hold.day: DAY, hold.day[:7]: MONTH, "": TOTAL}
        return self.tokens() + hold.tokens <= TOKENS_PER_MINUTE and all(
            self.committed(prefix) + hold.nano_usd <= limit for prefix, limit in money.items()
        )

    def reserve(self, call, nano_usd, tokens, day):
        hold = Hold(f"req_{call}", 1, nano_usd, tokens, day, MINUTE, 10**10, f"w{next(IDS)}")
        is_new = call not in self.open and call not in self.assumed
        passed = self.table.reserve(self.id, LIMITS, hold) is None
        assert passed == (is_new and self.fits(hold))
        if passed:
            self.open[call] = hold

    def settle(self, call, share):
        hold = self.open.pop(call, None) or self.assumed.pop(call, None)
        if hold is None:
            return
        billed = replace(hold, nano_usd=int(hold.nano_usd * share), tokens=int(hold.tokens * share))
        assert self.table.settle(self.id, hold, billed.nano_usd, billed.tokens)
        assert not self.table.settle(self.id, hold, billed.nano_usd, billed.tokens)
        self.settled.append(billed)

    def assume(self, call):
        hold = self.open.pop(call, None)
        if hold is not None:
            assert self.table.assume(self.id, hold)
            assert not self.table.assume(self.id, hold)
            self.assumed[call] = hold

    def check(self):
        budget = self.table.read(self.id)
        sums = {"total": ("", TOTAL)}
        sums |= {f"month#{month}": (month, MONTH) for month in ("2026-11", "2026-12")}
        sums |= {f"day#{day}": (day, DAY) for day in DAYS}
        for name, (prefix, limit) in sums.items():
            assert budget.committed(name) == self.committed(prefix) <= limit
        assert budget.committed(f"tokens#{MINUTE}") == self.tokens() <= TOKENS_PER_MINUTE
        held = sum(hold.nano_usd for hold in self.open.values())
        assert budget.committed("settled") + held == budget.committed("total")
        assert {hold.key for hold in budget.holds()} == {f"req_{call}#1" for call in self.open}


@pytest.mark.no_cover
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(steps=STEPS)
def test_what_is_committed_is_what_is_settled_and_held_and_never_over_a_limit(budgets_table, steps):
    books = Books(BudgetTable(table("Budgets")))
    for name, told in steps:
        getattr(books, name)(*told)
        books.check()
