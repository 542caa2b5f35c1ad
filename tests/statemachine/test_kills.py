"""Functions that are killed at every kind of moment: the real definition with the real handlers, of which a
hundred end at a random one of their calls of DynamoDB or of the provider."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.classify.handler import lambda_handler as classify
from functions.invoke_provider.handler import lambda_handler as invoke
from functions.invoke_provider.providers.simulator import Simulator
from functions.record_metrics.handler import lambda_handler as record
from functions.score.handler import lambda_handler as score
from functions.shared.caller import Limits
from functions.shared.contracts.states import json_of
from functions.shared.money.budget import STAGE_ID, budget_id
from functions.shared.money.budget_table import BudgetTable
from functions.shared.money.expired_holds import close_expired
from functions.shared.money.job_calls import ITEMS
from functions.shared.storage import clients
from functions.shared.storage.request_log import unpacked
from functions.shared.storage.state_table import StateTable
from functions.shared.storage.tables import table
from ops.books import Kept, Logged, Window, compare
from tests.support.gateway_events import LambdaStub
from tests.support.held_calls import limited
from tests.support.machine_in_process import Machine

PLENTY = 10**12
STAGE = Limits(month_nano_usd=PLENTY)
CALLERS = {
    "strict": limited(month_nano_usd=PLENTY, stage=STAGE),
    "expecting": limited(
        day_nano_usd=PLENTY, tokens_per_minute=10**9, mode="expected", stage=STAGE
    ),
    "unlimited": limited(stage=STAGE),
}
KILLS = 100
LAST_MOMENT = 16
"""Of those before and after each call of a function that holds, calls, keeps and settles."""


class Killed(BaseException):
    """As a function ends that Lambda stops."""


class SandboxTimedout(Exception):
    """As the machine hears of it."""


class Moments:
    """Kills whatever runs at the moment that is set, counted from 0; none is set at first."""

    def __init__(self):
        self.left = None
        self.at = Counter()

    def pass_by(self, name):
        if self.left == 0:
            self.left = None
            self.at[name] += 1
            raise Killed
        if self.left is not None:
            self.left -= 1


@pytest.fixture
def moments(functions):
    made = Moments()
    events = clients.client("dynamodb").meta.events
    for when in ("before-call", "after-call"):
        events.register(f"{when}.dynamodb", lambda event_name, **_: made.pass_by(event_name))
    return made


class Run:
    """`journal` has what the provider was asked, by request and attempt, with what it bills."""

    def __init__(self, moments, monkeypatch):
        self.moments, self._chance = moments, random.Random(15)
        self.dead_letters = []
        self.journal = Counter()
        self._now = ("", 0)
        self._complete = Simulator.complete

        def complete(*told):
            return self._called(*told)

        monkeypatch.setattr(Simulator, "complete", complete)
        self._machine = Machine(
            self._invoked, Classify=classify, Score=score, RecordMetrics=self._recorded
        )

    def ask(self, number):
        name = [*CALLERS][number % len(CALLERS)]
        self._moment = self._chance.randrange(LAST_MOMENT)
        self._machine.run({
            "request": {"task": "chat", "text": "Hello there.", "models": ["gpt-4o", "gpt-4o-mini"]},
            "request_id": f"req_{number}", "caller_id": name, "caller": json_of(CALLERS[name]),
            "mode": "async" if number % 2 else "sync",
            "idempotency_key": "",
        })  # fmt: skip

    def _armed(self, function, event, context):
        self.moments.left, self._moment = self._moment, None
        try:
            return function(event, context)
        except Killed:
            # The one after it may end as well.
            self.moments.left = self._chance.randrange(LAST_MOMENT)
            raise
        finally:
            self._moment, self.moments.left = self.moments.left, None

    def _invoked(self, event, context):
        self._now = (event["profile"]["request_id"], len(event["failures"]) + 1)
        try:
            return self._armed(invoke, event, context)
        except Killed:
            raise SandboxTimedout from None

    def _recorded(self, event, context):
        """A state that meets a killed function queues the event."""
        try:
            return self._armed(record, event, context)
        except Killed:
            self.dead_letters.append(event)
            return {"code": "internal_error", "body": {}}

    def _called(self, *told):
        self.moments.pass_by("before the provider")
        completion = self._complete(*told)
        self.journal[self._now] += 1
        self.moments.pass_by("after the provider")
        return completion


def _sweep(budgets):
    for id_ in budgets.open_ids():
        for hold in budgets.read(id_).holds():
            close_expired(id_, hold, StateTable("State"), budgets)


def _differences(rows, budgets):
    """As the operator's command finds them."""
    window = Window.before(datetime.now(UTC), timedelta(days=2), timedelta(days=30))
    items: Any = table("State").scan()["Items"]
    kept = {
        item["state_id"].removeprefix(ITEMS): item
        for item in items
        if item["state_id"].startswith(ITEMS)
    }
    logged = Logged()
    for row in rows:
        logged.add(row, kept, window)
    return compare(logged, Kept(budgets, kept, {}, logged.cost_nano_usd), window, {})


def test_after_a_hundred_kills_no_hold_is_left_and_no_cent_is_missing_or_double(
    moments, monkeypatch
):
    run, number = Run(moments, monkeypatch), 0
    while moments.at.total() < KILLS:
        run.ask(number)
        number += 1
    for event in run.dead_letters * 2:
        record(event, LambdaStub())
    budgets = BudgetTable(table("Budgets"))
    _sweep(budgets)
    _sweep(budgets)

    rows = [unpacked(item) for item in table("Requests").scan()["Items"]]
    assert len(rows) == number
    ids = [budget_id(name) for name in ("strict", "expecting")]
    booked = {id_: budgets.read(id_) for id_ in (*ids, STAGE_ID)}
    assert [one.holds() for one in booked.values()] == [[], [], []]
    assert _differences(rows, booked).differences == []

    attempts = {
        (row["request_id"], at): one
        for row in rows
        for at, one in enumerate(row["attempts"], start=1)
    }
    assert max(run.journal.values()) == 1
    assert run.journal.keys() <= attempts.keys()
    for call in run.journal:
        told = attempts[call]
        assert told["charged_nano_usd"] >= told.get("simulated_cost_nano_usd", 0)
        assert told["charged_nano_usd"] > 0
    assert _charged(rows) == booked[STAGE_ID].committed("total")
    assert len(moments.at) >= 6, moments.at


def _charged(rows):
    return sum(one.get("charged_nano_usd", 0) for row in rows for one in row["attempts"])
