"""What a call does with its caller's money, before and after it."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ConnectionClosedError
from moto.core.models import botocore_stubber

from functions.invoke_provider import handler, reserving
from functions.invoke_provider.providers.registry import load_provider
from functions.invoke_provider.providers.simulator import Simulator
from functions.invoke_provider.reserving import CALLED_BEFORE
from functions.shared.caller import Limits
from functions.shared.contracts.states import Attempt, Call
from functions.shared.errors import (
    BudgetExceeded,
    BudgetUnavailable,
    DeadlineExceeded,
    EngineError,
    ProviderThrottled,
    ProviderTimeout,
    TokensExceeded,
)
from functions.shared.money import budget
from functions.shared.money.budget import ASSUMED, STAGE_ID, Hold
from functions.shared.money.budget_table import BudgetTable
from functions.shared.money.expired_holds import close_expired
from functions.shared.money.job_calls import call_change, calls_id, kept_call
from functions.shared.simulation import FAULTS_VARIABLE
from functions.shared.storage import clients
from functions.shared.storage.state_table import StateTable
from functions.shared.storage.tables import table
from tests.support.builders import caught
from tests.support.fresh_process import printed_by
from tests.support.gateway_events import LambdaStub
from tests.support.held_calls import CLAMPED, MODEL, OWN, WORST_NANO_USD, call, limited

SOME = 1_000 * WORST_NANO_USD


class Killed(BaseException):
    """As a function ends that Lambda stops."""


@pytest.fixture(autouse=True)
def _simulator(environment, state_table, budgets_table, monkeypatch):
    environment(PROVIDER="simulator", STATE_TABLE="State", BUDGETS_TABLE="Budgets")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    load_provider.cache_clear()
    yield
    load_provider.cache_clear()


def _run(event):
    return handler.lambda_handler(event, LambdaStub())


def _budgets():
    return BudgetTable(table("Budgets"))


def _budget(id_=OWN):
    return _budgets().read(id_)


def _kept(number=1, attempt=1):
    item = calls_id(f"req_{number}")
    return kept_call(StateTable("State").read([item], consistent=True).get(item, {}), attempt)


def _committed(id_=OWN):
    """What its month says, and what it says in all: both are the same here."""
    there = _budget(id_)
    [month] = [name for name in there.item if name.startswith("month#")]
    assert there.committed(month) == there.committed("total")
    return there.committed("total")


def _held_during_calls(monkeypatch):
    held: list[Hold] = []
    complete = Simulator.complete

    def looking(*told):
        held.extend(_budget().holds())
        return complete(*told)

    monkeypatch.setattr(Simulator, "complete", looking)
    return held


def _swept():
    for id_ in _budgets().open_ids():
        for hold in _budget(id_).holds():
            close_expired(id_, hold, StateTable("State"), _budgets())


# Held, called, kept, settled


def test_an_answer_is_charged_what_it_cost_and_nothing_stays_held():
    output = _run(call(limited(month_nano_usd=SOME)))
    cost = output["attempt"]["simulated_cost_nano_usd"]
    assert 0 < cost < WORST_NANO_USD
    assert output["attempt"]["charged_nano_usd"] == _committed() == cost
    assert _budget().committed("settled") == cost
    assert _budget().holds() == []


def test_while_it_runs_its_worst_case_is_held_until_a_little_after_its_end(monkeypatch):
    held = _held_during_calls(monkeypatch)
    event = call(limited(month_nano_usd=SOME))
    _run(event)
    [hold] = held
    assert (hold.key, hold.nano_usd, hold.tokens) == ("req_1#1", WORST_NANO_USD, 0)
    ends_s = event["profile"]["deadline_at_ms"] / 1000
    assert ends_s < hold.expires_at_s <= ends_s + 13


def test_the_call_of_a_request_that_somebody_waits_for_is_kept_for_forty_days_too(state_table):
    output = _run(call(limited(month_nano_usd=SOME)))
    told = {name: one for name, one in output["attempt"].items() if name != "own_ms"}
    assert json.loads(_kept().model_dump_json(by_alias=True, exclude_none=True)) == told
    [item] = state_table.scan()["Items"]
    days = (float(item["expires_at"]) - datetime.now(UTC).timestamp()) / 86_400
    assert days == pytest.approx(40, abs=0.1)


@pytest.mark.parametrize(
    ("caller", "changes"),
    [
        pytest.param(limited(), {}, id="no limits"),
        pytest.param(limited(month_nano_usd=0), {"worst_case_cost_nano_usd": 0}, id="a free model"),
        pytest.param(limited(month_nano_usd=0), {"providers": ("openai",)}, id="simulated beside real ones"),
    ],
)  # fmt: skip
def test_what_is_charged_nothing_writes_nothing(caller, changes, state_table, budgets_table):
    output = _run(call(caller, **changes))
    assert output["answer"]["result"]
    assert "charged_nano_usd" not in output["attempt"]
    assert budgets_table.scan()["Items"] == state_table.scan()["Items"] == []


def test_callers_without_a_budget_do_not_wait_for_aws_sdk():
    script = "import sys, functions.invoke_provider.handler; print(*sys.modules)"
    loaded = {*printed_by(script).split()}
    assert "functions.shared.money.budget" in loaded
    assert not {"boto3", "functions.invoke_provider.reserving"} & loaded


@pytest.mark.parametrize(
    ("fault", "charged"), [(ProviderThrottled, 0), (ProviderTimeout, WORST_NANO_USD)]
)
def test_a_failed_call_is_charged_all_that_was_held_where_its_bill_is_unknown(
    environment, fault, charged
):
    environment(**{FAULTS_VARIABLE: json.dumps({MODEL: fault.__name__})})
    with pytest.raises(fault) as raised:
        _run(call(limited(month_nano_usd=SOME, tokens_per_minute=10**6)))
    told = Call.model_validate(json.loads(str(raised.value))["call"])
    assert told.charged_nano_usd == _kept().charged_nano_usd == _committed() == charged
    [tokens] = [n for name, n in _budget().item.items() if name.startswith("tokens#")]
    assert (tokens > 0) == (charged > 0)


def test_an_answer_that_broke_off_is_charged_as_far_as_it_came(environment):
    environment(**{FAULTS_VARIABLE: json.dumps({MODEL: "cut"})})
    with pytest.raises(EngineError):
        _run(call(limited(month_nano_usd=SOME)))
    assert 0 < _committed() == _kept().simulated_cost_nano_usd < WORST_NANO_USD


def test_a_refusal_says_what_its_call_was_charged(environment):
    environment(**{FAULTS_VARIABLE: json.dumps({MODEL: "InvalidRequest"})})
    output = _run(call(limited(month_nano_usd=SOME)))
    assert "charged_nano_usd" not in output["attempt"]
    assert (_committed(), _budget().holds()) == (0, [])


def test_where_nobody_was_called_nothing_is_held_or_kept(budgets_table):
    event = call(limited(month_nano_usd=SOME))
    event["profile"]["deadline_at_ms"] = event["profile"]["started_at_ms"] + 1
    with pytest.raises(DeadlineExceeded):
        _run(event)
    assert budgets_table.scan()["Items"] == []


# Refused


def test_a_refusal_tells_what_is_left_what_was_needed_and_when_it_renews():
    with pytest.raises(BudgetExceeded) as raised:
        _run(call(limited(month_nano_usd=WORST_NANO_USD - 1, total_nano_usd=SOME)))
    [detail] = raised.value.details
    assert detail.pop("renews_at").endswith("-01T00:00:00.000Z")
    assert detail == {
        "limit": "caller's month", "limit_usd": 0.009999999, "left_usd": 0.009999999, "needed_usd": 0.01
    }  # fmt: skip
    assert raised.value.affordable_nano_usd == WORST_NANO_USD - 1
    assert _budget().item == {}


def test_a_limit_for_ever_never_renews():
    with pytest.raises(BudgetExceeded) as raised:
        _run(call(limited(total_nano_usd=5)))
    assert raised.value.details[0]["renews_at"] is None


def test_of_the_stages_budget_no_amount_is_told_and_the_callers_own_is_given_back():
    stage = Limits(month_nano_usd=5)
    with pytest.raises(BudgetExceeded) as raised:
        _run(call(limited(month_nano_usd=SOME, stage=stage)))
    [detail] = raised.value.details
    assert (set(detail), detail["limit"]) == ({"limit", "renews_at"}, "stage's month")
    assert (_committed(), _budget().holds()) == (0, [])


def test_a_call_is_charged_to_the_caller_and_to_the_stage():
    _run(call(limited(month_nano_usd=SOME, stage=Limits(month_nano_usd=SOME))))
    assert _committed() == _committed(STAGE_ID) > 0
    assert _budget(STAGE_ID).holds() == []


def test_a_stages_limit_holds_for_callers_without_one():
    stage = limited(stage=Limits(month_nano_usd=WORST_NANO_USD))
    _run(call(stage))
    with pytest.raises(BudgetExceeded):
        _run(call(stage, 2))
    assert _committed(STAGE_ID) > 0
    assert _budget().item == {}


def test_without_the_table_nothing_that_costs_is_called_and_it_is_counted(environment, capsys):
    environment(BUDGETS_TABLE="missing")
    with pytest.raises(BudgetUnavailable) as raised:
        _run(call(limited(month_nano_usd=SOME)))
    assert (raised.value.retry_after_seconds, raised.value.affordable_nano_usd) == (5, 0)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [1] in [line.get("BudgetUnavailable") for line in lines]
    assert _run(call(limited(month_nano_usd=SOME), worst_case_cost_nano_usd=0))["answer"]


def test_without_the_ledger_what_was_held_is_given_back(environment):
    environment(STATE_TABLE="missing")
    with pytest.raises(BudgetUnavailable):
        _run(call(limited(month_nano_usd=SOME)))
    assert (_committed(), _budget().holds()) == (0, [])


# Shorter answers


@pytest.mark.parametrize(
    ("left", "output_tokens", "held"),
    [
        pytest.param(WORST_NANO_USD, None, WORST_NANO_USD, id="all of it"),
        pytest.param(9_999_999, 400, 4_000_000, id="what its task usually takes"),
        pytest.param(4_000_000, 400, 4_000_000, id="just that"),
        pytest.param(3_999_999, 399, 3_990_000, id="what the rest buys"),
        pytest.param(1_000_000, 100, 1_000_000, id="the least"),
    ],
)
def test_an_answer_is_shortened_to_what_is_left_and_says_so(monkeypatch, left, output_tokens, held):
    asked = []
    complete = Simulator.complete

    def looking(self, prompt, model, timeout_s):
        asked.append((model.max_output_tokens, _budget().holds()[0].nano_usd))
        return complete(self, prompt, model, timeout_s)

    monkeypatch.setattr(Simulator, "complete", looking)
    output = _run(call(limited(month_nano_usd=left), **CLAMPED))
    dropped = output["answer"]["routing"]["dropped_parameters"]
    if output_tokens is None:
        assert dropped == []
    else:
        reason = f"lowered to {output_tokens}: what is left of the budget pays for no more"
        assert dropped == [{"parameter": "max_output_tokens", "reason": reason}]
        assert asked[0][0] == output_tokens
    assert asked[0][1] == held
    assert _committed() < held


def test_an_answer_that_would_be_cut_is_refused():
    with pytest.raises(BudgetExceeded) as raised:
        _run(call(limited(month_nano_usd=999_999), **CLAMPED))
    assert raised.value.details[0]["needed_usd"] == 0.001


def test_a_shorter_answer_goes_for_every_budget_of_the_call():
    caller = limited(month_nano_usd=SOME, stage=Limits(month_nano_usd=2_000_000))
    output = _run(call(caller, **CLAMPED))
    [dropped] = output["answer"]["routing"]["dropped_parameters"]
    assert dropped["reason"].startswith("lowered to 200")
    assert _committed() == _committed(STAGE_ID)


def test_a_mode_that_expects_holds_what_is_usual_and_shortens_nothing(monkeypatch):
    held = _held_during_calls(monkeypatch)
    output = _run(call(limited(month_nano_usd=4_000_000, mode="expected"), **CLAMPED))
    assert held[0].nano_usd == 4_000_000
    assert output["answer"]["routing"]["dropped_parameters"] == []


def test_tokens_of_a_minute_shorten_an_answer_and_then_refuse_it_until_the_next(monkeypatch):
    for module in (budget, reserving):
        monkeypatch.setattr(module, "minute_of", lambda _: "2026-11-27T10:00")
    caller = limited(tokens_per_minute=400)
    output = _run(call(caller, **CLAMPED))
    [dropped] = output["answer"]["routing"]["dropped_parameters"]
    assert dropped["reason"].endswith(": what is left of this minute's tokens allows no more")
    usage = output["attempt"]["usage"]
    used = usage["input_tokens"] + usage["output_tokens"]
    [tokens] = [n for name, n in _budget().item.items() if name.startswith("tokens#")]
    assert tokens == used
    full = limited(tokens_per_minute=used + 1)
    with pytest.raises(TokensExceeded) as raised:
        _run(call(full, 2, **CLAMPED))
    assert 1 <= raised.value.retry_after_seconds <= 60


# At once


def test_of_fifty_at_once_exactly_those_pass_that_the_budget_pays_for():
    caller = limited(month_nano_usd=10 * WORST_NANO_USD)
    budgets, limits = _budgets(), caller.limits
    holds = [
        Hold(f"req_{number}", 1, WORST_NANO_USD, 0, "2026-11-27", "", 10**10, f"w{number}")
        for number in range(50)
    ]
    with ThreadPoolExecutor(50) as pool:
        refused = list(pool.map(lambda hold: budgets.reserve(OWN, limits, hold), holds))
    passed = [hold for hold, by in zip(holds, refused, strict=True) if by is None]
    assert len(passed) == 10
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda hold: budgets.settle(OWN, hold, 7, 0), passed))
    assert (_committed(), _budget().holds()) == (70, [])


# Delivered again


def test_a_delivery_that_comes_again_while_the_first_runs_calls_nobody(monkeypatch):
    calls = []
    complete = Simulator.complete

    def again(*arguments):
        calls.append(1)
        with pytest.raises(EngineError, match=CALLED_BEFORE):
            _run(event)
        return complete(*arguments)

    monkeypatch.setattr(Simulator, "complete", again)
    event = call(limited(month_nano_usd=SOME, stage=Limits(month_nano_usd=SOME)))
    cost = _run(event)["attempt"]["charged_nano_usd"]
    assert calls == [1]
    assert (_committed(), _committed(STAGE_ID)) == (cost, cost)


def test_a_delivery_that_comes_again_after_the_first_has_ended_calls_nobody(monkeypatch):
    event = call(limited(month_nano_usd=SOME))
    cost = _run(event)["attempt"]["charged_nano_usd"]
    monkeypatch.setattr(Simulator, "complete", lambda *_: pytest.fail("called again"))
    with pytest.raises(EngineError, match=CALLED_BEFORE):
        _run(event)
    assert (_committed(), _budget().holds()) == (cost, [])


def test_a_delivery_that_comes_again_after_the_first_was_given_up_calls_nobody(monkeypatch):
    monkeypatch.setattr(Simulator, "complete", _die)
    event = call(limited(month_nano_usd=SOME))
    with pytest.raises(Killed):
        _run(event)
    _swept()
    with pytest.raises(EngineError, match=CALLED_BEFORE):
        _run(event)
    assert (_committed(), len(_budget().holds(ASSUMED))) == (WORST_NANO_USD, 1)


def test_the_next_attempt_of_a_request_is_a_call_of_its_own():
    event = call(limited(month_nano_usd=SOME))
    first = _run(event)["attempt"]["charged_nano_usd"]
    failure = {"candidate": event["candidate"], "error": caught(ProviderThrottled("x"))}
    second = _run(event | {"failures": [failure]})["attempt"]["charged_nano_usd"]
    assert _committed() == first + second
    assert _kept(attempt=2).charged_nano_usd == second


# Killed


def _die(*_, **__):
    raise Killed


def _killing_at(when, number):
    """Whatever runs is killed before or after its call of DynamoDB of this number."""
    calls = []

    def kill(**_):
        calls.append(1)
        if len(calls) == number:
            raise Killed

    event = {"before": "before-call.dynamodb", "after": "after-call.dynamodb"}[when]
    clients.client("dynamodb").meta.events.register(event, kill, "kill")
    return event


STEPS = ("reserve", "reserve of the stage", "look for it", "keep", "settle", "settle of the stage")
NOTHING, ALL, EXACT = "nothing", "all that was held", "what it cost"
CRASHES = [
    # where, then what the caller's budget and the stage's are charged in the end
    ("before", "reserve", NOTHING, NOTHING),
    ("after", "reserve", NOTHING, NOTHING),
    ("before", "reserve of the stage", NOTHING, NOTHING),
    ("after", "reserve of the stage", ALL, ALL),
    ("before", "look for it", ALL, ALL),
    ("after", "look for it", ALL, ALL),
    ("before", "call", ALL, ALL),
    ("after", "call", ALL, ALL),
    ("before", "keep", ALL, ALL),
    ("after", "keep", EXACT, EXACT),
    ("before", "settle", EXACT, EXACT),
    ("after", "settle", EXACT, EXACT),
    ("before", "settle of the stage", EXACT, EXACT),
    ("after", "settle of the stage", EXACT, EXACT),
]


@pytest.mark.parametrize(("when", "step", "own", "stage"), CRASHES)
def test_whatever_a_killed_function_leaves_is_settled_exactly_or_charged_in_full(
    monkeypatch, when, step, own, stage
):
    cost = _run(call(limited(month_nano_usd=SOME), 99))["attempt"]["charged_nano_usd"]
    amounts = {NOTHING: 0, ALL: WORST_NANO_USD, EXACT: cost}
    complete = Simulator.complete
    with monkeypatch.context() as patched:
        if step == "call":
            die_after = lambda *told: _die(complete(*told))  # noqa: E731
            patched.setattr(Simulator, "complete", _die if when == "before" else die_after)
        else:
            event = _killing_at(when, 1 + STEPS.index(step))
        with pytest.raises(Killed):
            _run(call(limited(month_nano_usd=SOME, stage=Limits(month_nano_usd=SOME))))
    if step != "call":
        clients.client("dynamodb").meta.events.unregister(event, unique_id="kill")
    _swept()
    for id_, charged in ((OWN, cost + amounts[own]), (STAGE_ID, amounts[stage])):
        left = _budget(id_)
        assert left.holds() == []
        assert left.committed("total") == left.committed("settled") == charged
    _swept()
    assert _budget().committed("total") == cost + amounts[own]


def test_of_a_mode_that_expects_both_budgets_are_charged_the_same_for_a_killed_call(monkeypatch):
    monkeypatch.setattr(Simulator, "complete", _die)
    stage = Limits(month_nano_usd=SOME)
    with pytest.raises(Killed):
        _run(call(limited(month_nano_usd=SOME, mode="expected", stage=stage), **CLAMPED))
    [hold] = _budget(STAGE_ID).holds()
    assert (hold.nano_usd, hold.assumed) == (WORST_NANO_USD, 4_000_000)
    _swept()
    for id_ in (OWN, STAGE_ID):
        assert _committed(id_) == _budget(id_).committed("settled") == 4_000_000
    [given_up] = _budget(STAGE_ID).holds(ASSUMED)
    assert _budgets().settle(STAGE_ID, given_up, 77, 0)
    assert _committed(STAGE_ID) == _budget(STAGE_ID).committed("settled") == 77


def test_a_hold_whose_answer_was_lost_is_found_to_be_ones_own():
    calls = []

    def lose(event_name, request, **_):
        calls.append(1)
        if len(calls) == 1:
            botocore_stubber(event_name, request)
            raise ConnectionClosedError(endpoint_url=request.url)

    clients.client("dynamodb").meta.events.register_first("before-send.dynamodb", lose)
    cost = _run(call(limited(month_nano_usd=SOME)))["attempt"]["charged_nano_usd"]
    assert (_committed(), _budget().holds()) == (cost, [])
    assert _budget().committed("reserves") == 1


def test_an_answer_is_not_lost_where_its_hold_cannot_be_settled(monkeypatch):
    def refuse(*_, **__):
        raise ConnectionClosedError(endpoint_url="https://dynamodb")

    monkeypatch.setattr(BudgetTable, "settle", refuse)
    output = _run(call(limited(month_nano_usd=SOME, stage=Limits(month_nano_usd=SOME))))
    assert output["answer"]["result"]
    monkeypatch.undo()
    _swept()
    cost = output["attempt"]["charged_nano_usd"]
    assert _committed() == _committed(STAGE_ID) == cost


def test_where_a_call_is_neither_kept_nor_settled_every_budget_is_charged_for_it(monkeypatch):
    def refuse(*_, **__):
        raise ConnectionClosedError(endpoint_url="https://dynamodb")

    settle = BudgetTable.settle
    monkeypatch.setattr(StateTable, "add", refuse)
    monkeypatch.setattr(
        BudgetTable,
        "settle",
        lambda self, id_, *told: refuse() if id_ == OWN else settle(self, id_, *told),
    )
    _run(call(limited(month_nano_usd=SOME, stage=Limits(month_nano_usd=SOME))))
    monkeypatch.undo()
    _swept()
    assert _committed() == _committed(STAGE_ID) == WORST_NANO_USD


def _left_open(number, expires_at_s=1, nano_usd=WORST_NANO_USD):
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    hold = Hold(f"req_{number}", 1, nano_usd, 0, today, "", expires_at_s, "w")
    assert _budgets().reserve(OWN, Limits(month_nano_usd=SOME), hold) is None
    return hold


def test_the_next_call_that_a_full_budget_refuses_settles_what_was_left_of_others():
    _left_open(8)
    kept = {"model": MODEL, "provider": "openai", "outcome": "success", "charged_nano_usd": 77}
    change = call_change("req_8", 1, Attempt.model_validate(kept), datetime.now(UTC))
    StateTable("State").add(change)
    output = _run(call(limited(month_nano_usd=WORST_NANO_USD + 77)))
    assert _committed() == 77 + output["attempt"]["charged_nano_usd"]


def test_what_others_still_run_is_not_touched():
    hold = _left_open(8, expires_at_s=10**10)
    with pytest.raises(BudgetExceeded):
        _run(call(limited(month_nano_usd=WORST_NANO_USD + 77)))
    assert _budget().holds() == [hold]


def test_a_call_that_was_given_up_and_ends_all_the_same_is_charged_what_it_cost(monkeypatch):
    complete = Simulator.complete

    def late(*arguments):
        _swept()
        assert _committed() == WORST_NANO_USD
        return complete(*arguments)

    monkeypatch.setattr(Simulator, "complete", late)
    cost = _run(call(limited(month_nano_usd=SOME)))["attempt"]["charged_nano_usd"]
    assert (_committed(), _budget().holds(ASSUMED)) == (cost, [])
