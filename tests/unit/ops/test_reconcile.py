"""Differences between budgets, rows, kept calls and metrics: each kind is found, and none where there is none."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from functions.shared.caller import Caller, Limits
from functions.shared.callers.records import CALLER, CallerRecord, item_of
from functions.shared.contracts.states import json_of
from functions.shared.money.budget import STAGE_ID, Budget, Hold, budget_id, minute_of
from functions.shared.money.budget_table import BudgetTable
from functions.shared.storage.request_log import packed
from functions.shared.telemetry.series import NAMESPACE
from ops import __main__ as command
from ops import reconcile
from ops.books import Kept, Logged, Window, compare
from ops.stage import Stage

NOW = datetime(2026, 11, 27, 12, 7, tzinfo=UTC)
WINDOW = Window.before(NOW, timedelta(days=30), timedelta(days=90))
ANNA = budget_id("annaannaan")
CALLER_OF_ROWS = Caller(
    limits=Limits(month_nano_usd=10_000), stage_limits=Limits(month_nano_usd=90_000)
)
EARLIER = NOW - timedelta(hours=2)


def _attempt(charged, **more):
    told = {"model": "gpt-4o-mini", "provider": "openai", "outcome": "success"}
    return told | {"charged_nano_usd": charged, "cost_nano_usd": charged} | more


def _row(request_id, *attempts, at=EARLIER, caller=CALLER_OF_ROWS):
    return {
        "request_id": request_id,
        "caller_id": "annaannaan",
        "day": f"{at:%Y-%m-%d}",
        "created_at": at.isoformat(timespec="milliseconds"),
        "finished_at": at.isoformat(timespec="milliseconds"),
        "cost_nano_usd": sum(one["cost_nano_usd"] for one in attempts),
        "attempts": list(attempts),
        "profile": {"caller": json_of(caller)},
    }


def _calls(*charged, at=EARLIER):
    """What a request's calls have kept."""
    kept = [json.dumps(_attempt(one)) for one in charged]
    numbered = {f"call_{number}": text for number, text in enumerate(kept, start=1)}
    return numbered | {"expires_at": int((at + timedelta(days=40)).timestamp())}


ROWS = [
    _row("req_1", _attempt(30), _attempt(12)),
    _row("req_2", _attempt(58)),
    _row("req_3", _attempt(1_000), at=NOW - timedelta(days=3)),
    _row("req_4", _attempt(9), at=NOW - timedelta(days=28)),
    _row("req_5"),
]
PERIODS = {
    "day#2026-11-27": 100,
    "day#2026-11-24": 1_000,
    "day#2026-10-30": 9,
    "month#2026-11": 1_100,
    # What else was spent in October, before the period, has rows that are not read.
    "month#2026-10": 7_009,
    "total": 8_109,
    "settled": 8_109,
}
LEDGER = {"req_1": _calls(30, 12), "req_2": _calls(58)}


def _found(rows=ROWS, *, own=None, stage=None, ledger=LEDGER, jobs=None, figures=1_109):
    logged = Logged()
    for row in rows:
        logged.add(row, ledger.get(row["request_id"], {}), WINDOW)
    budgets = {ANNA: Budget(PERIODS | (own or {})), STAGE_ID: Budget(PERIODS | (stage or {}))}
    kept = Kept(budgets, ledger, jobs or {}, figures)
    return compare(logged, kept, WINDOW, {ANNA: "anna", STAGE_ID: "all callers"})


def test_books_that_agree_have_no_difference():
    found = _found(jobs={"req_1": EARLIER})
    assert (found.differences, found.running) == ([], 0)


def test_a_budget_that_was_charged_otherwise_than_the_rows_say_is_named_with_its_period():
    own = {"day#2026-11-27": 101, "month#2026-11": 1_101, "total": 8_110, "settled": 8_110}
    assert _found(own=own).differences == [
        "anna: day#2026-11-27: charged 0.000000101 USD, the rows 0.0000001 USD",
        "anna: month#2026-11: charged 0.000001101 USD, the rows 0.0000011 USD",
    ]
    assert len(_found(stage={"day#2026-11-24": 999}).differences) == 1


def test_a_row_that_no_budget_was_charged_for_is_a_difference_too():
    found = _found([*ROWS, _row("req_6", _attempt(5))], figures=1_114)
    assert [line.partition(":")[0] for line in found.differences] == [
        "anna",
        "anna",
        "all callers",
        "all callers",
    ]


def test_what_was_spent_before_a_budget_was_set_needs_no_call():
    own = {
        "day#2026-11-27": 600,
        "opening#day#2026-11-27": 500,
        "month#2026-11": 1_600,
        "opening#month#2026-11": 500,
        "total": 8_609,
        "opening#total": 500,
    }
    assert _found(own=own).differences == []


def test_who_has_no_limit_has_no_budget_to_compare():
    assert _found([*ROWS, _row("req_6", _attempt(0), caller=Caller())]).differences == []


def test_of_an_assumed_bill_the_call_knows_better_than_its_row():
    assumed = _row("req_6", _attempt(70, cost_nano_usd=0, possibly_billed_nano_usd=50))
    changed = {
        name: PERIODS[name] + 7 for name in ("day#2026-11-27", "month#2026-11", "total", "settled")
    }
    ledger = LEDGER | {"req_6": _calls(7)}
    assert _found([*ROWS, assumed], own=changed, stage=changed, ledger=ledger).differences == []
    assert len(_found([*ROWS, assumed], own=changed, stage=changed).differences) == 4


def test_sums_that_do_not_follow_from_their_parts_are_told():
    assert _found(own={"settled": 8_000}).differences == [
        "anna: total: committed 0.000008109 USD, settled 0.000008 USD"
    ]


def _hold(age):
    now = NOW - age
    return Hold("req_9", 2, 40, 0, f"{NOW:%Y-%m-%d}", minute_of(now), int(now.timestamp()), "w")


def test_a_hold_that_nobody_closed_is_told():
    hold = _hold(timedelta(minutes=3))
    held = {name: PERIODS[name] + 40 for name in ("day#2026-11-27", "month#2026-11", "total")}
    found = _found(own=held | {f"hold#{hold.key}": hold.to_text()})
    assert found.differences == [
        "anna: req_9#2: 0.00000004 USD are held since its end, 2026-11-27 12:04"
    ]


def test_requests_that_still_run_are_counted_and_no_difference():
    hold = _hold(timedelta(minutes=-1))
    periods = ("day#2026-11-27", "month#2026-11", "total")
    own = {name: PERIODS[name] + 40 + 6 for name in periods}
    own |= {"settled": PERIODS["settled"] + 6, f"hold#{hold.key}": hold.to_text()}
    ledger = LEDGER | {"req_9": _calls(6, at=NOW - timedelta(minutes=1))}
    jobs = {"req_8": NOW - timedelta(minutes=2)}
    found = _found(own=own, ledger=ledger, jobs=jobs)
    assert (found.differences, found.running) == ([], 3 - 1)


def test_what_ended_while_the_tables_were_read_is_left_out():
    later = _row("req_6", _attempt(5), at=NOW + timedelta(seconds=1))
    assert _found([*ROWS, later]).differences == []


def test_calls_and_jobs_without_a_row_are_listed():
    ledger = LEDGER | {"req_6": _calls(70, 7)}
    assert _found(ledger=ledger, jobs={"req_7": EARLIER}).differences == [
        "req_6: was called and charged 0.000000077 USD, and has no row",
        "req_7: the job has ended, and has no row",
    ]


def test_calls_from_before_the_period_are_not_asked_for_rows():
    ledger = LEDGER | {"req_6": _calls(70, at=WINDOW.start - timedelta(hours=1))}
    assert _found(ledger=ledger).differences == []


def test_metrics_that_cost_otherwise_are_told():
    assert _found(figures=1_109 + 1_000).differences == []
    assert _found(figures=9_109).differences == [
        "metrics: CostUsd is 0.000009109 USD, the rows' 0.000001109 USD"
    ]


@pytest.mark.parametrize(
    ("since", "kept", "first"),
    [(3, 90, "2026-11-24"), (30, 7, "2026-11-21"), (365, 365, "2026-10-28")],
)
def test_no_day_is_compared_that_has_lost_rows(since, kept, first):
    window = Window.before(NOW, timedelta(days=since), timedelta(days=kept))
    assert window.names[0] == f"day#{first}"
    assert f"month#{first[:7]}" not in window.names


# The command


@pytest.fixture
def calls(requests_table, state_table, callers_table, budgets_table, monkeypatch):
    """The items of calls of a stage that had one, with its row and in its budgets."""
    session = boto3.Session()
    outputs = {f"{name}TableName": name for name in ("Requests", "State", "Callers", "Budgets")}
    machine = session.client("stepfunctions").create_state_machine(
        name="jobs",
        definition=json.dumps({"StartAt": "a", "States": {"a": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/jobs",
    )
    outputs["JobsMachineArn"] = machine["stateMachineArn"]
    stage = Stage("dev", session, outputs, (), "")
    monkeypatch.setattr(command, "deployed_stage", lambda _name: stage)
    monkeypatch.setattr(reconcile, "_rows_kept", lambda _stage: timedelta(days=30))
    at = datetime.now(UTC) - timedelta(minutes=30)
    record = CallerRecord(caller_id="annaannaan", name="anna", created_at_s=1)
    callers_table.put_item(Item=item_of(CALLER, record.caller_id, record))
    requests_table.put_item(Item=packed(_row("req_1", _attempt(30_000), at=at)))
    hold = Hold("req_1", 1, 90_000, 0, f"{at:%Y-%m-%d}", minute_of(at), 1, "w")
    for id_ in (ANNA, STAGE_ID):
        BudgetTable(budgets_table).reserve(id_, Limits(), hold)
        BudgetTable(budgets_table).settle(id_, hold, 30_000, 0)
    kept = _calls(30_000, at=at) | {"state_id": "calls#req_1"}
    state_table.put_item(Item=kept)
    datum = {"MetricName": "CostUsd", "Timestamp": at, "Value": 0.00003}
    dimension = {"Name": "service", "Value": stage.service}
    session.client("cloudwatch").put_metric_data(
        Namespace=NAMESPACE, MetricData=[datum | {"Dimensions": [dimension]}]
    )
    return state_table


def test_the_command_is_content_with_books_that_agree(calls, capsys):
    code = command.main(["reconcile", "--since", "7d"])
    out = capsys.readouterr().out
    assert "1 requests since" in out
    assert "2 budgets, 0 differences, 0 requests still running" in out
    assert code == 0


def test_the_command_fails_with_a_line_for_each_difference(calls, capsys):
    lost = _calls(7, at=datetime.now(UTC) - timedelta(minutes=40))
    calls.put_item(Item=lost | {"state_id": "calls#req_lost"})
    assert command.main(["reconcile"]) == 1
    first, summary = capsys.readouterr().out.splitlines()
    assert first == "req_lost: was called and charged 0.000000007 USD, and has no row"
    assert "1 differences" in summary
