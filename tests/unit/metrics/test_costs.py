import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from functions.metrics import cloudwatch
from functions.metrics.costs import costs, costs_by_caller
from functions.metrics.window import Window
from functions.shared.callers.directory import Directory
from functions.shared.catalogue.models import load_catalogue
from functions.shared.gateway.reader import Reader
from functions.shared.money.caller_spend import spend_changes
from functions.shared.storage.state_table import Change, StateTable
from functions.shared.times import stamp
from functions.shared.vocabulary import nano_usd
from tests.support.figures import SERVICE_NAME, FakeCloudWatch

MODELS = [model.id for model in load_catalogue().models]
CALLER, OPERATOR = Reader("key-1", is_operator=False), Reader("key-9", is_operator=True)
NAMES = Directory({"key-1": "team-a"})


@pytest.fixture
def measured(monkeypatch):
    fake = FakeCloudWatch()
    monkeypatch.setattr(cloudwatch, "client", lambda _: fake)
    return fake


@pytest.fixture
def state(state_table):
    return StateTable("State")


def _costs(state, reader=OPERATOR, text="1h", now=None):
    window = Window.before(now or datetime.now(UTC), text)
    by_caller = costs_by_caller(window, reader, state, NAMES)
    return costs(SERVICE_NAME, window, by_caller, [])


def _spend(state, key, cost_usd, at):
    for change in _changes(key, Decimal(cost_usd), at):
        state.add(change)


def _changes(key, cost_usd, at, **amounts):
    row = {"caller_id": key, "cost_nano_usd": nano_usd(cost_usd), "finished_at": stamp(at)}
    return list(spend_changes(row | amounts))


def test_without_data_nothing_was_spent(measured, state):
    told = _costs(state).to_json()
    assert told.pop("from") < told.pop("to")
    assert told == {
        "window": "1h",
        **{"total_usd": 0, "savings_usd": 0},
        **{"possibly_billed_usd": 0, "simulated_cost_usd": 0},
        **{"by_model": {}, "by_provider": {}, "by_task": {}, "by_caller": {}},
        "budgets": [],
    }


def test_a_thousand_odd_amounts_add_up_to_the_micro_dollar_in_every_view(measured, state):
    drawn, now = random.Random(1), datetime.now(UTC)
    spent = [
        (drawn.choice(MODELS), drawn.choice(["chat", "code"]), drawn.choice(["key-1", "key-2"]))
        for _ in range(1_000)
    ]
    amounts = [Decimal(drawn.randrange(1, 10**9)).scaleb(-9) for _ in spent]
    sums, counts = {}, defaultdict(Counter)
    # As CloudWatch adds them up: doubles, one after the other.
    for (model, task, key), amount in zip(spent, amounts, strict=True):
        for series in ((), ("model", model), ("task", task)):
            name = ("CostUsd", "Sum", *series)
            sums[name] = sums.get(name, 0.0) + float(amount)
        sums["Requests", "Sum", "task", task] = 1.0
        for change in _changes(key, amount, now):
            counts[change.state_id].update(change.added)
    measured.points = sums
    for state_id, added in counts.items():
        state.add(Change(state_id, 2_000_000_000, added))
    told = _costs(state)
    total = sum(amounts)
    assert told.total_usd == total
    assert sum(told.by_model.values()) == sum(told.by_provider.values()) == total
    assert sum(told.by_task.values()) == total
    assert sum(one.cost_usd for one in told.by_caller.values()) == total
    assert sum(one.requests for one in told.by_caller.values()) == 1_000
    assert told.by_model == {
        wanted: sum(
            amount for (model, _, _), amount in zip(spent, amounts, strict=True) if model == wanted
        )
        for wanted in MODELS
    }


def test_providers_are_the_sums_of_their_models(measured, state):
    measured.points = {
        ("CostUsd", "Sum", "model", "gpt-4o"): 0.1,
        ("CostUsd", "Sum", "model", "gpt-4o-mini"): 0.2,
        ("CostUsd", "Sum", "model", "local-sentiment"): 0.0,
    }
    told = _costs(state).to_json()
    assert told["by_provider"] == {"openai": 0.3, "local": 0}


def test_a_task_that_cost_nothing_is_listed_if_there_were_requests_of_it(measured, state):
    measured.points = {("Requests", "Sum", "task", "sentiment"): 2.0}
    assert _costs(state).to_json()["by_task"] == {"sentiment": 0}


def test_a_key_sees_what_it_spent_itself_and_an_operator_sees_all(measured, state):
    now = datetime.now(UTC)
    for key, cost_usd in (("key-1", "0.000001"), ("key-2", "0.25"), ("key-1", "0.000000001")):
        _spend(state, key, cost_usd, now)
    none = {"possibly_billed_usd": 0, "simulated_cost_usd": 0}
    own = {"team-a": {"caller_id": "key-1", "requests": 2, "cost_usd": 0.000001001} | none}
    other = {"key-2": {"caller_id": "key-2", "requests": 1, "cost_usd": 0.25} | none}
    assert _costs(state, CALLER).to_json()["by_caller"] == own
    assert _costs(state, OPERATOR).to_json()["by_caller"] == own | other


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("5m", timedelta(minutes=5), timedelta(minutes=6)),
        ("1d", timedelta(days=1), timedelta(days=1, minutes=1)),
        ("2d", timedelta(days=2), timedelta(days=2, hours=1)),
        ("30d", timedelta(days=30), timedelta(days=30, hours=1)),
    ],
)
def test_what_a_key_spent_counts_within_the_window_alone(measured, state, text, inside, outside):
    # Old spend is kept for a while only, so that the clock of the test is the real one.
    now = datetime.now(UTC)
    _spend(state, "key-1", "0.5", now)
    _spend(state, "key-1", "0.25", now - inside)
    _spend(state, "key-1", "0.125", now - outside)
    told = _costs(state, CALLER, text, now)
    assert told.by_caller["team-a"].cost_usd == Decimal("0.75")


def test_what_is_perhaps_billed_and_what_is_simulated_stand_beside_the_cost(measured, state):
    amounts = {"possibly_billed_nano_usd": 2_000_000_000, "simulated_cost_nano_usd": 3}
    for change in _changes("key-1", Decimal("0.5"), datetime.now(UTC), **amounts):
        state.add(change)
    measured.points = {
        ("CostUsd", "Sum"): 0.5,
        ("PossiblyBilledUsd", "Sum"): 2.0,
        ("SimulatedCostUsd", "Sum"): 3e-9,
        ("SavingsUsd", "Sum"): -0.25,
    }
    told = _costs(state, CALLER).to_json()
    shown = {"possibly_billed_usd": 2.0, "simulated_cost_usd": 3e-9}
    assert told.items() >= (shown | {"total_usd": 0.5, "savings_usd": -0.25}).items()
    spent = {"caller_id": "key-1", "requests": 1, "cost_usd": 0.5} | shown
    assert told["by_caller"] == {"team-a": spent}


def test_callers_of_one_name_keep_their_own_costs(measured, state):
    for number, key in enumerate(("key-1", "team-a", "key-3"), start=1):
        _spend(state, key, Decimal(number), datetime.now(UTC))
    told = _costs(state).by_caller
    assert {name: (one.caller_id, one.cost_usd) for name, one in told.items()} == {
        "team-a (key-1)": ("key-1", 1),
        "team-a": ("team-a", 2),
        "key-3": ("key-3", 3),
    }
