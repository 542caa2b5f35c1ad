from datetime import UTC, datetime
from decimal import Decimal

import boto3
import pytest

from functions.shared.caller import Caller, Limits
from functions.shared.money.budget import Hold
from functions.shared.money.budget_states import budget_states
from functions.shared.money.budget_table import BudgetTable

NOW = datetime(2026, 11, 27, 10, 30, 20, tzinfo=UTC)
LIMITS = Limits(
    day_nano_usd=1_000_000_000,
    month_nano_usd=4_000_000_000,
    total_nano_usd=0,
    tokens_per_minute=900,
)
MONEY = Limits(total_nano_usd=10)


@pytest.fixture
def budgets(budgets_table):
    return BudgetTable(budgets_table)


def hold(number, nano_usd, day="2026-11-27"):
    return Hold(f"req_{number}", 1, nano_usd, 300, day, "2026-11-27T10:30", 2_000_000_000, "w")


def test_what_is_settled_what_is_held_and_what_is_left_add_up_to_the_limit(budgets):
    roomy = LIMITS.model_copy(update={"total_nano_usd": 10**12})
    for number, on in enumerate(("2026-11-26", "2026-11-27", "2026-11-27")):
        assert budgets.reserve("caller#a", roomy, hold(number, 400_000_000, on)) is None
    assert budgets.settle("caller#a", hold(1, 400_000_000), 123_456_789, 200)
    (state,) = budget_states({"a": Caller(name="team-a", limits=roomy)}, None, budgets, NOW)
    day, month, total = state.limits
    assert (day.period, month.period, total.period) == ("day", "month", "total")
    assert (day.spent_usd, day.held_usd) == (Decimal("0.123456789"), Decimal("0.4"))
    assert (month.spent_usd, month.held_usd) == (Decimal("0.123456789"), Decimal("0.8"))
    for one in state.limits:
        assert one.spent_usd + one.held_usd + one.left_usd == one.limit_usd
    assert day.used == 0.5235
    assert [one.renews_at for one in state.limits] == [
        "2026-11-28T00:00:00.000Z",
        "2026-12-01T00:00:00.000Z",
        None,
    ]
    assert state.tokens_per_minute.model_dump() == {"limit": 900, "left": 100}


def test_a_limit_of_nothing_is_used_up_and_nothing_is_left_below_nothing(budgets, budgets_table):
    budgets_table.put_item(Item={"budget_id": "caller#a", "day#2026-11-27": 1_500_000_000})
    (state,) = budget_states({"a": Caller(name="team-a", limits=LIMITS)}, None, budgets, NOW)
    day, month, total = state.limits
    assert [one.left_usd for one in (day, month, total)] == [Decimal(0), Decimal(4), Decimal(0)]
    assert [one.used for one in (day, month, total)] == [1.5, 0, 1]


def test_what_was_charged_without_a_bill_is_spent_and_held_no_longer(budgets):
    assert budgets.reserve("caller#a", Limits(total_nano_usd=10**9), hold(1, 5_000)) is None
    assert budgets.assume("caller#a", hold(1, 5_000))
    (state,) = budget_states({"a": Caller(limits=MONEY)}, None, budgets, NOW)
    assert state.limits[0].spent_usd == Decimal("0.000005")
    assert state.limits[0].held_usd == 0


def test_budgets_are_those_of_callers_with_limits_by_name_and_the_stages_comes_last(budgets):
    callers = {
        "b": Caller(name="zoo", limits=MONEY),
        "c": Caller(name="ant", limits=MONEY),
        "d": Caller(name="free"),
        "e": Caller(limits=Limits(tokens_per_minute=5)),
    }
    states = budget_states(callers, Limits(month_nano_usd=7), budgets, NOW)
    told = [(one.of, one.name, [limit.period for limit in one.limits]) for one in states]
    assert told == [
        ("caller", "ant", ["total"]),
        ("caller", "e", []),
        ("caller", "zoo", ["total"]),
        ("stage", "stage", ["month"]),
    ]


def test_where_nobody_has_a_limit_nothing_is_read(budgets, budgets_table):
    boto3.client("dynamodb").delete_table(TableName=budgets_table.name)
    assert budget_states({"a": Caller(name="team-a")}, None, budgets, NOW) == []


def test_more_budgets_than_are_read_at_once_are_all_there(budgets, budgets_table):
    callers = {f"{number:03}": Caller(limits=MONEY) for number in range(230)}
    for id_ in callers:
        budgets_table.put_item(Item={"budget_id": f"caller#{id_}", "total": int(id_) % 10})
    states = budget_states(callers, None, budgets, NOW)
    assert [one.limits[0].used for one in states] == [number % 10 / 10 for number in range(230)]
