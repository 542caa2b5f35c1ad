"""What budgets guarantee, over HTTP: hard, exact to the nano-dollar, and nothing left behind, by what the
providers themselves say that they were asked and bill."""

import json
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from itertools import cycle, islice
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from functions.shared.caller import Limits
from functions.shared.money.budget import minute_of
from functions.shared.vocabulary import nano_usd, usd
from local.faults import aimock
from local.faults.dead_letters import replay
from local.faults.exchange import marked
from local.faults.killing import Kills, can_kill
from local.state import read_state
from tests.conftest import PROJECT
from tests.support.api_calls import assert_error, call, eventually, get, post
from tests.support.held_exchange import LONG, SHORT, TALKATIVE
from tests.support.spend_books import charged, overdrawn

pytestmark = pytest.mark.xdist_group("billed")

MODEL = "claude-haiku-5-5"
OTHERS = ["gpt-6-luna", "azure-gpt-4o-mini", "bedrock-claude-haiku-5-5"]


def _tokens(text):
    """As the providers count them."""
    return -(-len(text) // 4)


AT_ONCE, FIT = 50, 10
KILLS = 5
"""`python -m local load --faults` kills more, and tests/statemachine at more kinds of moments."""


@pytest.fixture(scope="module")
def stack(billed):
    return billed


def _body(mark, **more):
    return {"model": MODEL, "fallback": False, "task": "chat", "max_output_tokens": _tokens(SHORT),
            "text": marked("What is the weather in Bern?", mark), "metadata": {"load": mark},
            **more}  # fmt: skip


def _fitting(number):
    """Its limit is the length of its answer and under what code is expected to take: nothing shortens it, and
    where it does not fit as it is it does not fit at all."""
    limit = _tokens(LONG)
    return _body(f"fits-{number:02}", model=TALKATIVE, task="code", max_output_tokens=limit)


def _needs(stack, key, body):
    """What its call holds, in nano-dollars; nothing can make it less."""
    told = post(stack, "/route", body, key=key).json(parse_float=Decimal)
    need = told["routing"]["candidates"][0]["need"]
    assert need["least_cost_usd"] == need["held_cost_usd"] > 0
    return nano_usd(need["held_cost_usd"])


def _at_once(send, arguments):
    arguments = list(arguments)
    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(send, arguments))


def test_of_fifty_at_once_exactly_those_pass_that_the_budget_pays_for(stack, books, held):
    _, rich = stack.new_caller("rich", month_usd=Decimal(1))
    need = _needs(stack, rich, _fitting(0))
    caller_id, key = stack.new_caller("ten-calls", month_usd=usd(FIT * need))

    def send(number):
        return post(stack, "/generate", _fitting(number), key=key)

    def release():
        eventually(lambda: len(held.of("fits-")) >= FIT, 20)
        held.free.set()

    releasing = threading.Thread(target=release)
    releasing.start()
    answers = _at_once(send, range(AT_ONCE))
    releasing.join()
    codes = Counter(one.status_code for one in answers)
    assert codes == {200: FIT, 402: AT_ONCE - FIT}
    for refused in (one for one in answers if one.status_code == 402):
        assert refused.headers["x-should-retry"] == "false"
        [detail] = assert_error(refused, "budget_exceeded")["details"]
        renews_at = datetime.fromisoformat(detail["renews_at"])
        assert (detail["limit"], renews_at.day, renews_at > datetime.now(UTC)) == (
            "caller's month", 1, True,
        )  # fmt: skip
        amounts = [
            nano_usd(Decimal(str(detail[f"{name}_usd"]))) for name in ("limit", "left", "needed")
        ]
        assert amounts[0] == FIT * need
        assert 0 <= amounts[1] < amounts[2] == need

    calls = held.of("fits-")
    cost = sum(one.cost_nano_usd for one in calls)
    assert len(calls) == FIT
    assert len(aimock.journal(held.simulator)) == len(held.calls)
    books.assert_exact(caller_id)
    assert charged(books.rows(caller_id)) == cost
    # What ten calls leave of what they held does not pay for another, whenever each of them ended.
    assert 0 < FIT * need - cost < need
    assert_error(send(AT_ONCE), "budget_exceeded")


FAULTY = (
    "failing", "hang", "cut_json", "no_usage", "overloaded", "stall", "broken_off", "zero_usage",
    "html", "impossible_usage", "error_midway", "misshapen",
)  # fmt: skip
ROUNDS = 15
"""Of each caller, of which every fifth one meets a fault."""


def _mixed(name, number, fault):
    """Every third one is a job."""
    mark = f"mixed-{name}-{number}.{fault}"
    more = {"model": None, "models": [MODEL, *OTHERS], "fallback": True, "max_latency_ms": 6_000}
    body = {one: value for one, value in _body(mark, **more).items() if value is not None}
    return ("/jobs" if number % 3 == 0 else "/generate"), body


def _status(stack, path, body, key):
    """As whoever waits for it is told."""
    told = post(stack, path, body, key=key)
    if told.status_code != 202:
        return told.status_code
    job = told.json()["execution_id"]
    assert eventually(lambda: get(stack, f"/jobs/{job}", key=key).json()["status"] != "RUNNING", 60)
    ended = get(stack, f"/jobs/{job}", key=key).json()
    return 200 if ended["status"] == "SUCCEEDED" else ended["error"]["code"]


def test_with_faults_fallbacks_and_jobs_three_callers_and_the_stage_stay_exact(
    stack, books, exchange
):
    _, rich = stack.new_caller("measuring", month_usd=Decimal(1))
    need = _needs(stack, rich, _body("mixed"))
    allowed: dict[str, dict[str, Any]] = {
        "few": {"month_usd": usd(6 * need)},
        "expecting": {"day_usd": usd(40 * need), "mode": "expected"},
        "many": {"total_usd": usd(60 * need), "month_usd": usd(50 * need)},
    }
    most = Limits(month_nano_usd=books.stage().committed("total") + 30 * need)
    limits = {"STAGE_LIMITS": most.model_dump_json(exclude_none=True)}
    with stack.variables("Authorize", limits):
        callers = {name: stack.new_caller(name, **told) for name, told in allowed.items()}
        faults = cycle(FAULTY)
        sent = [
            (*_mixed(name, number, next(faults) if number % 5 == 0 else "well"), callers[name][1])
            for number in range(ROUNDS)
            for name in callers
        ]
        with ThreadPoolExecutor(FIT) as pool:
            told = Counter(pool.map(lambda one: _status(stack, *one), sent))
    books.sweep()
    ids = [id_ for id_, _ in callers.values()]
    assert eventually(lambda: len(books.rows(*ids)) == len(sent), 30)
    books.assert_exact(*ids)
    refused = told[402] + told["budget_exceeded"]
    assert told[200] > FIT
    assert refused > 0
    for name, (id_, _) in callers.items():
        given = {f"{one.removesuffix('_usd')}_nano_usd": nano_usd(amount)
                 for one, amount in allowed[name].items() if one.endswith("_usd")}  # fmt: skip
        assert overdrawn(books.budget(id_), Limits(**given)) == 0
    assert overdrawn(books.stage(), most) == 0
    met = {one.fault.name for one in exchange.of("mixed-")} - {"well"}
    assert len(met) >= 5


def test_what_is_delivered_again_settles_once(stack, books, exchange):
    caller_id, key = stack.new_caller("twice", month_usd=Decimal(1))
    mark = "twice.well"
    job = post(stack, "/jobs", _body(mark), key=key).json()["execution_id"]
    assert eventually(lambda: books.rows(caller_id))
    machine = stack.output("JobsMachineArn").replace(":stateMachine:", ":execution:")
    pages = stack.client("stepfunctions").get_paginator("get_execution_history")
    given = [
        json.loads(event["taskScheduledEventDetails"]["parameters"])
        for page in pages.paginate(executionArn=f"{machine}:{job}")
        for event in page["events"]
        if event["type"] == "TaskScheduled"
    ]
    budget, stage, rows = books.budget(caller_id), books.stage(), books.rows(caller_id)
    assert budget.committed("total") == charged(rows) > 0
    assert len(given) == 4
    again = [books.invoke_named(one["FunctionName"], one["Payload"]) for one in given]
    failed = [one.get("errorType") for one in again if isinstance(one, dict)]
    assert failed == [None, None, "EngineError", None]
    books.sweep()
    books.sweep()
    assert len(exchange.of(mark)) == 1
    assert books.rows(caller_id) == rows
    assert _amounts(books.budget(caller_id)) == _amounts(budget)
    assert _amounts(books.stage()) == _amounts(stage)


def _amounts(budget):
    """All but what says that it is looked at by the sweeper, and how often that began."""
    return {name: value for name, value in budget.item.items() if name not in ("open", "reserves")}


# Given up


def test_a_job_that_is_stopped_while_its_call_runs_is_charged_what_it_cost_and_once(
    stack, books, held
):
    caller_id, key = stack.new_caller("stopping", month_usd=Decimal(1))
    mark = "stopped.well"
    job = post(stack, "/jobs", _body(mark), key=key).json()["execution_id"]
    assert eventually(lambda: held.of(mark))
    assert len(books.budget(caller_id).holds()) == len(books.stage().holds()) == 1
    assert call(stack, "DELETE", f"/jobs/{job}", key=key).json()["status"] == "ABORTED"
    held.free.set()
    assert eventually(lambda: books.rows(caller_id))
    assert [row["status"] for row in books.rows(caller_id)] == ["ABORTED"]
    books.assert_exact(caller_id)
    [billed] = held.of(mark)
    assert books.budget(caller_id).committed("total") == billed.cost_nano_usd > 0
    for _ in range(2):
        books.tell_of_end(job)
    books.assert_exact(caller_id)
    assert len(books.rows(caller_id)) == 1


def test_a_request_that_its_caller_gave_up_is_charged_what_its_call_cost(stack, books, held):
    caller_id, key = stack.new_caller("hanging-up", month_usd=Decimal(1))
    mark = "given-up.well"
    waiting = threading.Thread(target=_hang_up, args=(stack, key, _body(mark)))
    waiting.start()
    assert eventually(lambda: held.of(mark))
    waiting.join()
    assert len(books.budget(caller_id).holds()) == 1
    held.free.set()
    assert eventually(lambda: books.rows(caller_id))
    books.assert_exact(caller_id)
    [billed] = held.of(mark)
    assert books.budget(caller_id).committed("total") == billed.cost_nano_usd > 0


def _hang_up(stack, key, body):
    headers = {"X-API-Key": key}
    with pytest.raises(requests.Timeout):
        requests.post(f"{stack.base_url}/generate", json=body, headers=headers, timeout=3)


# Killed


@pytest.mark.skipif(not can_kill(), reason="nothing tells whose a connection is")
def test_functions_that_are_killed_at_random_leave_no_hold_and_lose_no_cent(stack, books, exchange):
    caller_id, key = stack.new_caller("killed", month_usd=Decimal(1))
    recorder = stack.function_name("RecordMetrics")
    group = read_state(urlsplit(stack.base_url).port).emulator_pid
    kills = Kills(group, KILLS, 7, recorder)
    watch, exchange.watch = exchange.watch, lambda _, *ports: kills.watch(*ports)
    # One surely meets a call; the others may all come in between.
    bodies = (
        _mixed("killed", number, "well" if number else "killed") for number in range(10 * KILLS)
    )
    sent = 0
    with ThreadPoolExecutor(4) as pool:
        while kills.done < KILLS and (some := [(*body, key) for body in islice(bodies, 8)]):
            sent += len(some)
            list(pool.map(lambda one: _status(stack, *one), some))
    exchange.watch = watch
    assert kills.done == KILLS
    queue = stack.output("DeadLetterQueueUrl")
    ids = (stack.client("sqs"), queue, stack.client("lambda"), recorder)
    assert eventually(lambda: replay(*ids) >= 0 and len(books.rows(caller_id)) == sent)

    def is_swept():
        books.sweep()
        return not books.budget(caller_id).holds() + books.stage().holds()

    assert eventually(is_swept), books.budget(caller_id)
    books.assert_exact(caller_id)
    killed = [row for row in books.rows(caller_id)
              if "Runtime.ExitError" in {one["outcome"] for one in row["attempts"]}]  # fmt: skip
    assert killed


# Who sees what


def test_a_caller_sees_its_own_spend_alone_and_the_operator_sees_all(stack, books):
    named = {one: stack.new_caller(one, month_usd=Decimal(1)) for one in ("one-team", "other-team")}
    asked = {
        name: post(stack, "/generate", _body(f"seen-{name}.well"), key=key).json()["request_id"]
        for name, (_, key) in named.items()
    }
    ids = {id_: name for name, (id_, _) in named.items()}

    def spent(key):
        told = get(stack, "/metrics/costs?window=24h", key=key).json(parse_float=Decimal)
        return {one["caller_id"]: one["cost_usd"] for one in told["by_caller"].values()}

    everything = eventually(
        lambda: (all_ := spent(stack.operator_api_key)).keys() >= {*ids} and all_
    )
    for id_, name in ids.items():
        key, own = named[name][1], books.budget(id_).committed("total")
        assert spent(key) == {id_: usd(own)} == {id_: everything[id_]}
        logs = get(stack, "/metrics/logs", key=key)
        assert [one["request_id"] for one in logs.json()["data"]] == [asked[name]]
        told = requests.get(
            f"{stack.base_url}/caller", headers={"Authorization": f"Bearer {key}"}, timeout=60
        )
        assert told.json()["caller_id"] == id_
        others = [other for other in named if other != name]
        for other in others:
            other_id = named[other][0]
            told_all = told.text + logs.text + get(stack, "/metrics/costs", key=key).text
            assert not [word for word in (other, other_id, asked[other]) if word in told_all]
            assert_error(get(stack, f"/requests/{asked[other]}", key=key), "not_found")
            for path in (f"/admin/callers/{other}/spend", f"/metrics/logs?caller_id={other_id}"):
                assert_error(get(stack, path, key=key), "forbidden")
    listed = get(stack, "/metrics/logs", key=stack.operator_api_key).json()["data"]
    assert {one["request_id"] for one in listed} >= {*asked.values()}


# Beside money


def test_of_twenty_at_once_a_minute_takes_no_more_than_its_tokens(stack, books):
    calls_a_minute = 3
    caller_id, key = stack.new_caller("three-calls", tokens_per_minute=calls_a_minute * 430)

    def send(number):
        return post(stack, "/generate", _body(f"minute-{number}"), key=key)

    began = minute_of(datetime.now(UTC))
    answers = _at_once(send, range(20))
    minutes = {began, minute_of(datetime.now(UTC))}
    codes = Counter(one.status_code for one in answers)
    assert codes.keys() == {200, 429}
    assert calls_a_minute <= codes[200] <= calls_a_minute * len(minutes)
    for refused in (one for one in answers if one.status_code == 429):
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert_error(refused, "rate_limited")
    books.assert_exact(caller_id)


def test_a_model_that_costs_nothing_answers_on_an_exhausted_budget(stack):
    _, key = stack.new_caller("poor", month_usd=Decimal(0))
    assert_error(post(stack, "/generate", _body("poor.well"), key=key), "budget_exceeded")
    asked = {"task": "sentiment", "text": "I love it."}
    answer = post(stack, "/generate", asked, key=key).json()
    assert answer["routing"]["selected_model"] == "local-sentiment"


def test_an_answer_says_that_a_budget_made_it_shorter_or_its_model_cheaper(stack, exchange):
    _, key = stack.new_caller("saving", month_usd=Decimal("0.001"), tier_down_at=0.01)
    body = {
        name: value for name, value in _body("shorter.well").items() if name != "max_output_tokens"
    }
    [dropped] = post(stack, "/generate", body, key=key).json()["routing"]["dropped_parameters"]
    assert dropped["parameter"] == "max_output_tokens"
    [asked] = [
        one for one in aimock.journal(exchange.simulator) if "shorter.well" in json.dumps(one)
    ]
    assert dropped["reason"].startswith(f"lowered to {asked['body']['max_tokens']}: ")
    free = {"model": None, "fallback": True}
    cheaper = {
        name: value for name, value in (_body("cheaper.well") | free).items() if value is not None
    }
    reason = post(stack, "/generate", cheaper, key=key).json()["routing"]["reason"]
    assert "of the month's budget is used" in reason


# In the end


def test_every_book_agrees_in_the_end(stack, books, exchange):
    assert len(aimock.journal(exchange.simulator)) == len(exchange.calls)
    port = str(urlsplit(stack.base_url).port)
    told = subprocess.run(
        [sys.executable, "-m", "ops", "reconcile", "--local", "--port", port],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (0, ""), told.stdout
    assert " 0 differences" in told.stdout
