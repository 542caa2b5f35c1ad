"""Who has used how much of a budget: told once each, also by runs that overlap and runs that die."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from functions.shared.caller import Limits
from functions.shared.callers.records import CallerRecord, OwnLimits
from functions.shared.money import budget_table
from functions.shared.money.budget import STAGE_ID, Left, budget_id
from functions.sweep import alerts
from functions.sweep.alerts import CLAIM_HOLDS_S, Limit, _message
from functions.sweep.owners import Owner
from functions.sweep.sweeping import NotSwept, sweep
from tests.unit.sweep.conftest import ANNA, ID


def _month():
    return f"month#{datetime.now(UTC):%Y-%m}"


def _subjects(bench):
    return [subject for subject, _ in bench.told()]


def test_each_level_of_a_limit_is_told_once(bench):
    told = []
    for nano_usd in (499, 1, 290, 20, 180, 10):
        bench.spend(nano_usd)
        bench.sweep()
        bench.sweep()
        told.append(_subjects(bench))
    assert told == [
        [],
        ["[test] anna: 50 % of the month's budget is used"],
        [],
        ["[test] anna: 80 % of the month's budget is used"],
        [],
        ["[test] anna: the month's budget is used up"],
    ]


def test_a_leap_over_all_levels_tells_each_in_their_order(bench):
    bench.spend(1_000)
    bench.sweep()
    bench.sweep()
    assert _subjects(bench) == [
        "[test] anna: 50 % of the month's budget is used",
        "[test] anna: 80 % of the month's budget is used",
        "[test] anna: the month's budget is used up",
    ]


def test_what_is_only_held_is_not_used(bench):
    bench.hold(nano_usd=900, age_s=-60)
    bench.sweep()
    assert bench.told() == []


def test_an_alert_says_who_how_much_and_until_when(bench):
    bench.spend(810)
    bench.sweep()
    [_, (_, text)] = bench.told()
    today = datetime.now(UTC)
    month = today.month % 12 + 1
    renewal = f"{today.year + (month == 1)}-{month:02}-01 00:00 UTC"
    assert text == (
        "anna: 80 % of the month's budget is used, 0.00000081 of 0.000001 USD."
        f" It renews at {renewal}."
    )
    assert ANNA not in text


def test_a_refused_request_is_as_good_as_a_used_up_budget(bench):
    bench.spend(700)
    bench.sweep()
    bench.told()
    for _ in range(3):
        bench.budgets.note_refusal(ID, _month(), 1_000)
        assert bench.budgets.open_ids() in ([ID], [])
        bench.sweep()
    [(subject, text)] = bench.told()
    assert subject == "[test] anna: the month's budget is used up"
    assert "0.0000007 of 0.000001 USD. Calls that it does not pay for are refused." in text
    assert bench.budgets.open_ids() == []


def test_a_refusal_puts_the_budget_before_the_next_run_once(bench):
    bench.budgets.note_refusal(ID, _month(), 1_000)
    first = bench.budget()
    bench.budgets.note_refusal(ID, _month(), 1_000)
    assert bench.budget() == first
    assert bench.budgets.open_ids() == [ID]


def test_of_a_limit_that_was_raised_nothing_is_told_yet(bench):
    bench.spend(900)
    bench.budgets.note_refusal(ID, _month(), 1_000)
    bench.sweep()
    assert len(bench.told()) == 3
    own = OwnLimits(month_nano_usd=2_000)
    bench.enter(CallerRecord(caller_id=ANNA, name="anna", created_at_s=1, limits=own))
    bench.spend(99)
    bench.sweep()
    assert bench.told() == []
    bench.spend(1)
    bench.sweep()
    assert _subjects(bench) == ["[test] anna: 50 % of the month's budget is used"]


def test_the_stages_own_budget_is_that_of_all_callers(bench):
    bench.spend(25_000, STAGE_ID)
    bench.sweep()
    assert _subjects(bench) == ["[test] all callers: 50 % of the month's budget is used"]


def test_a_caller_that_nobody_entered_has_its_plans_limits_and_no_other_name(bench):
    bench.spend(500, budget_id("strangerid"))
    bench.sweep()
    assert _subjects(bench) == ["[test] strangerid: 50 % of the month's budget is used"]


def test_each_limit_of_a_caller_is_told_of(bench):
    own = OwnLimits(day_nano_usd=600, total_nano_usd=10_000)
    bench.enter(CallerRecord(caller_id=ANNA, name="anna", created_at_s=1, limits=own))
    bench.spend(550)
    bench.sweep()
    assert sorted(_subjects(bench)) == [
        "[test] anna: 50 % of the day's budget is used",
        "[test] anna: 50 % of the month's budget is used",
        "[test] anna: 80 % of the day's budget is used",
    ]
    bench.spend(4_500)
    bench.sweep()
    texts = dict(bench.told())
    assert texts["[test] anna: 50 % of the total budget is used"].endswith("It never renews.")


# Runs that overlap, and runs that die


def test_runs_that_overlap_tell_each_thing_once(bench):
    for number in range(8):
        bench.spend(500, budget_id(f"caller-{number:03}"))
    with ThreadPoolExecutor(4) as runs:
        list(runs.map(lambda _: sweep(bench.stores), range(4)))
    told = _subjects(bench)
    assert len(told) == len(set(told)) == 8


class Clock:
    """Of the sweeper's runs."""

    def __init__(self, monkeypatch):
        from functions.sweep import sweeping

        self.ahead_s = 0
        monkeypatch.setattr(sweeping, "datetime", self)

    def now(self, zone):
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.ahead_s, zone)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def _refusing(*_arguments, **_named):
    raise ClientError({"Error": {"Code": "InternalError"}}, "Publish")


def test_what_could_not_be_sent_is_sent_by_a_later_run(bench, clock, monkeypatch):
    bench.spend(500)
    with monkeypatch.context() as patch:
        patch.setattr(bench.sns, "publish", _refusing)
        with pytest.raises(NotSwept):
            bench.sweep()
    bench.sweep()
    assert bench.told() == []
    assert bench.budgets.open_ids() == [ID]
    clock.ahead_s = CLAIM_HOLDS_S + 1
    bench.sweep()
    bench.sweep()
    assert _subjects(bench) == ["[test] anna: 50 % of the month's budget is used"]
    assert bench.budgets.open_ids() == []


def test_a_run_that_died_behind_its_claim_is_made_up_for_before_what_came_since(
    bench, clock, monkeypatch
):
    bench.spend(500)
    with monkeypatch.context() as patch:
        patch.setattr(alerts.Topic, "publish", _refusing)
        with pytest.raises(NotSwept):
            bench.sweep()
    bench.spend(310)
    clock.ahead_s = CLAIM_HOLDS_S + 1
    bench.sweep()
    assert _subjects(bench) == [
        "[test] anna: 50 % of the month's budget is used",
        "[test] anna: 80 % of the month's budget is used",
    ]


def test_a_run_that_died_before_its_mark_is_the_one_case_of_telling_twice(
    bench, clock, monkeypatch
):
    bench.spend(500)
    tell, calls = budget_table.BudgetTable.tell, []

    def dying(self, *arguments):
        calls.append(arguments)
        return tell(self, *arguments) if len(calls) == 1 else _refusing()

    with monkeypatch.context() as patch:
        patch.setattr(budget_table.BudgetTable, "tell", dying)
        with pytest.raises(NotSwept):
            bench.sweep()
    bench.sweep()
    assert len(bench.told()) == 1
    clock.ahead_s = CLAIM_HOLDS_S + 1
    bench.sweep()
    bench.sweep()
    assert len(bench.told()) == 1


# What SNS takes


@pytest.mark.parametrize("period", ["day", "month", "total"])
@pytest.mark.parametrize("level", [50, 80, 100])
def test_the_longest_names_fit_into_a_subject(period, level, monkeypatch):
    published = {}

    class Client:
        def publish(self, **message):
            published.update(message)

    owner = Owner("n" * 40, Limits())
    limit = Limit(period, "", Left(period, 10**18, 10**18, None), False, None)
    alerts.Topic(Client(), "arn", "s" * 20).publish(*_message(owner, limit, level))
    # Fewer than 100 characters: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    assert len(published["Subject"]) < 100
    assert published["Subject"].isascii()
    assert "\n" not in published["Subject"]
