"""What becomes of a request that its caller's budget does not pay for: the real definition with the real
handlers, and a decision that knows budgets."""

import json
from datetime import UTC, datetime

import pytest

from functions.classify.handler import lambda_handler as classify
from functions.invoke_provider.handler import lambda_handler as invoke
from functions.invoke_provider.providers.simulator import Simulator
from functions.record_metrics.handler import lambda_handler as record
from functions.score.handler import lambda_handler as score
from functions.shared.caller import Limits
from functions.shared.contracts.states import json_of
from functions.shared.money.budget import STAGE_ID
from functions.shared.money.budget_table import BudgetTable
from functions.shared.simulation import FAULTS_VARIABLE
from functions.shared.storage.request_log import RequestLog
from functions.shared.storage.tables import table
from tests.support.held_calls import OWN, limited
from tests.support.machine_in_process import Machine

pytestmark = pytest.mark.usefixtures("functions")

DEAR, CHEAP, FREE = "gpt-4o", "gpt-4o-mini", "local-sentiment"
LISTED = [DEAR, CHEAP]
BEGINS = ["Classify", "Score", "Invoke Provider"]
ENDS = ["Answered?", "Record Metrics"]
FAILS = ["Record Failure", "Failed"]
NEXT = ["Weigh Failure", "Next Candidate?"]
PLENTY = 10**12


def _scored(event, context):
    """A decision that did not see the budgets as they are when its candidates are called: others spend
    meanwhile. No answer can be shortened here."""
    unlimited = {name: value for name, value in event["profile"].items() if name != "caller"}
    output = score({"profile": unlimited}, context)
    for one in output["candidates"]:
        one["least_cost_nano_usd"] = one["worst_case_cost_nano_usd"]
    return output


def _machine(score_by=_scored, invoke_by=invoke, deliveries=1):
    return Machine(invoke_by, deliveries, Classify=classify, Score=score_by, RecordMetrics=record)


def _asked(caller, **request):
    body = {"task": "chat", "text": "Hello there.", "models": LISTED} | request
    return {
        "request": body, "request_id": "req_1", "caller_id": "key-1", "mode": "sync",
        "idempotency_key": "",
        "caller": json_of(caller),
    }  # fmt: skip


def _run(caller, *, machine=None, **request):
    return (machine or _machine()).run(_asked(caller, **request))


def _worst_cases():
    """Of the listed ones, for the request as it is asked here."""
    scored = []

    def looking(event, context):
        scored.append(_scored(event, context))
        return scored[0]

    _run(limited(), machine=_machine(looking))
    found = {one["model"]: one["worst_case_cost_nano_usd"] for one in scored[0]["candidates"]}
    table("Requests").delete_item(Key={"request_id": "req_1"})
    return found[DEAR], found[CHEAP]


def _row():
    return RequestLog("Requests").get("req_1")


def _budget(id_=OWN):
    return BudgetTable(table("Budgets")).read(id_)


def _is_exact(row, id_=OWN):
    """Whether the row, the budget and what is settled of it say the same, and nothing is held."""
    charged = sum(one.get("charged_nano_usd", 0) for one in row["attempts"])
    budget = _budget(id_)
    sums = {budget.committed(name) for name in ("total", "settled")}
    return sums == {charged} and budget.holds() == []


def test_where_the_budget_pays_the_path_is_the_one_without_it():
    run = _run(limited(month_nano_usd=PLENTY))
    assert run.path == [*BEGINS, *ENDS]
    assert run.output["routing"]["selected_model"] == DEAR
    assert _row()["attempts"][0]["charged_nano_usd"] > 0
    assert _is_exact(_row())


def test_a_budget_that_does_not_pay_for_the_first_pays_for_a_cheaper_one():
    _, cheap = _worst_cases()
    run = _run(limited(month_nano_usd=cheap))
    assert run.path == [*BEGINS, "Next Candidate?", "Invoke Provider", *ENDS]
    assert run.output["routing"]["selected_model"] == CHEAP
    [attempt] = _row()["attempts"]
    assert attempt["model"] == CHEAP
    assert _is_exact(_row())


def test_a_budget_that_pays_for_none_is_told_by_402_at_once():
    _, cheap = _worst_cases()
    run = _run(limited(month_nano_usd=cheap - 1, stage=Limits(month_nano_usd=PLENTY)))
    assert run.path == [*BEGINS, "Next Candidate?", *FAILS]
    assert run.error == "budget_exceeded"
    [detail] = run.output["error"]["details"]
    assert (detail["limit"], detail["limit_usd"]) == ("caller's month", (cheap - 1) / 1e9)
    row = _row()
    assert (row["status"], row["error_code"], row["attempts"]) == ("FAILED", "budget_exceeded", [])
    assert _is_exact(row)
    assert _budget(STAGE_ID).item == {}


def test_a_budget_that_is_used_up_by_failed_attempts_is_told_as_such(environment):
    dear, _ = _worst_cases()
    environment(**{FAULTS_VARIABLE: json.dumps({DEAR: "ProviderTimeout"})})
    run = _run(limited(month_nano_usd=dear))
    assert run.path == [*BEGINS, *NEXT, "Invoke Provider", "Next Candidate?", *FAILS]
    assert (run.error, run.output["error"]["details"][0]["left_usd"]) == ("budget_exceeded", 0)
    [attempt] = _row()["attempts"]
    assert (attempt["outcome"], attempt["charged_nano_usd"]) == ("ProviderTimeout", dear)
    assert _is_exact(_row())


def test_a_request_that_was_doubted_is_refused_where_the_budget_asks_no_other(environment):
    dear, _ = _worst_cases()
    environment(**{FAULTS_VARIABLE: json.dumps({DEAR: "RequestDoubted"})})

    def poor_now(event, context):
        if event["failures"]:
            event["profile"]["caller"]["limits"]["month_nano_usd"] = 0
        return invoke(event, context)

    run = _run(limited(month_nano_usd=dear), machine=_machine(invoke_by=poor_now))
    assert run.path[-2:] == ["Next Candidate?", "Record Metrics"]
    assert run.output["error"]["code"] == _row()["error_code"] == "invalid_request"


def test_tokens_of_the_minute_that_are_used_up_stop_the_request():
    run = _run(limited(tokens_per_minute=1))
    assert run.path == [*BEGINS, *FAILS]
    assert run.error == "rate_limited"
    assert 1 <= run.output["error"]["retry_after_seconds"] <= 60
    assert _row()["attempts"] == []


def test_tokens_that_failed_attempts_have_used_up_are_told_as_such(environment):
    environment(**{FAULTS_VARIABLE: json.dumps({DEAR: "ProviderTimeout"})})
    run = _run(limited(tokens_per_minute=5_000))
    assert run.path == [*BEGINS, *NEXT, "Invoke Provider", *FAILS]
    assert run.error == "rate_limited"


def test_without_the_budgets_table_what_costs_is_refused_for_the_moment(environment):
    environment(BUDGETS_TABLE="missing")
    run = _run(limited(month_nano_usd=PLENTY))
    assert run.path == [*BEGINS, "Next Candidate?", *FAILS]
    assert (run.error, run.output["error"]["retry_after_seconds"]) == ("rate_limited", 5)


@pytest.mark.parametrize("broken", [True, False])
def test_a_model_that_costs_nothing_goes_on_whatever_becomes_of_budgets(environment, broken):
    if broken:
        environment(BUDGETS_TABLE="missing")
    sentiment = {"task": "sentiment", "text": "I love it.", "models": [DEAR, FREE]}
    run = _run(limited(month_nano_usd=0), **sentiment)
    assert run.path == [*BEGINS, "Next Candidate?", "Invoke Provider", *ENDS]
    assert run.output["routing"]["selected_model"] == FREE


def test_every_state_delivered_twice_settles_and_records_once(monkeypatch):
    calls = []
    complete = Simulator.complete

    def counting(*told):
        calls.append(1)
        return complete(*told)

    monkeypatch.setattr(Simulator, "complete", counting)
    caller = limited(month_nano_usd=PLENTY, stage=Limits(month_nano_usd=PLENTY))
    run = _run(caller, machine=_machine(deliveries=2))
    assert run.path == [*BEGINS, *ENDS]
    assert calls == [1]
    assert _is_exact(_row())
    assert _is_exact(_row(), STAGE_ID)
    assert table("Requests").scan()["Count"] == 1


class SandboxTimedout(Exception):
    """As the machine hears of a function that was killed."""


def test_a_killed_call_is_recorded_as_charged_with_what_its_budget_holds(environment, monkeypatch):
    dear, _ = _worst_cases()
    complete = Simulator.complete

    def killed(self, prompt, model, timeout_s):
        if model.id == DEAR:
            raise KeyboardInterrupt
        return complete(self, prompt, model, timeout_s)

    def heard(event, context):
        try:
            return invoke(event, context)
        except KeyboardInterrupt:
            raise SandboxTimedout from None

    monkeypatch.setattr(Simulator, "complete", killed)
    run = _run(limited(month_nano_usd=PLENTY), machine=_machine(invoke_by=heard))
    assert run.path == [*BEGINS, *NEXT, "Invoke Provider", *ENDS]
    first, second = _row()["attempts"]
    assert (first["outcome"], first["charged_nano_usd"]) == ("SandboxTimedout", dear)
    [hold] = _budget().holds()
    assert (hold.key, hold.nano_usd) == ("req_1#1", dear)
    assert _budget().committed("total") == dear + second["charged_nano_usd"]


def test_a_hold_is_of_the_day_that_its_request_began_on():
    run = _run(limited(day_nano_usd=PLENTY))
    assert run.error is None
    began = datetime.fromisoformat(_row()["created_at"]).astimezone(UTC)
    assert _budget().committed(f"day#{began:%Y-%m-%d}") == _budget().committed("total") > 0
