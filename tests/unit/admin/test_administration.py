from datetime import timedelta
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from functions.shared.caller import Limits
from functions.shared.callers.administration import KEY_PREFIX
from functions.shared.callers.forms import BudgetChange, CallerChange, NewCaller, Rotation
from functions.shared.callers.money import Money
from functions.shared.callers.records import key_hash, subject_hash
from functions.shared.callers.views import shown, spend
from functions.shared.errors import InvalidRequest, NotFound, ServiceUnavailable
from functions.shared.money.budget import Hold, budget_id
from functions.shared.money.budget_table import BudgetTable
from functions.shared.money.caller_spend import spend_changes
from functions.shared.storage import state_table as state_table_module
from functions.shared.storage.state_table import StateTable
from functions.shared.times import stamp
from tests.support.callers import NOW, SERVICE, GatewayStub, administration

DAY, MONTH = "day#2026-11-27", "month#2026-11"
TEAM = NewCaller(name="team-a")
DAY_S = 86_400


@pytest.fixture
def table(callers_table):
    return callers_table


@pytest.fixture
def gateway():
    return GatewayStub()


@pytest.fixture
def admin(table, gateway):
    return administration(table, gateway)


@pytest.fixture
def money(state_table, budgets_table, monkeypatch):
    # Counts have a time to live.
    monkeypatch.setattr(state_table_module, "time", SimpleNamespace(time=NOW.timestamp))
    budgets = BudgetTable(budgets_table)
    return Money(budgets, StateTable(state_table.name), {"operator": Limits(day_nano_usd=7)})


def budget(**said):
    return BudgetChange.model_validate(said)


def at(seconds):
    return NOW + timedelta(seconds=seconds)


def items(table):
    return {(item["kind"], item["item_id"]): item for item in table.scan()["Items"]}


def recorded(money, caller, nano_usd, when=NOW, **more):
    row = {"caller_id": caller.caller_id, "cost_nano_usd": nano_usd, "finished_at": stamp(when)}
    for change in spend_changes(row | more):
        money.state.add(change)


def test_a_caller_has_a_key_that_is_kept_as_its_hash_alone(admin, table, gateway):
    caller, value = admin.create(TEAM)
    assert value.startswith(KEY_PREFIX)
    assert len(value) == len(KEY_PREFIX) + 43
    kept = items(table)
    assert kept.keys() == {
        ("caller", caller.caller_id),
        ("key", key_hash(value)),
        ("name", "team-a"),
    }
    assert value not in str(kept)
    assert kept["key", key_hash(value)]["hint"] == value[-4:]
    own = f"{SERVICE}-{caller.caller_id}"
    assert gateway.members == {own: f"id of {SERVICE}-standard"}
    assert len(caller.caller_id) == 10
    assert caller.caller_id.isalnum()


def test_a_given_key_is_taken_as_it_is(admin, table):
    _, value = admin.create(NewCaller(name="dev", plan="operator"), "dev-key")
    assert value == "dev-key"
    assert ("key", key_hash("dev-key")) in items(table)


def test_a_subject_signs_in_by_its_issuers_tokens_and_has_no_key(table, gateway):
    admin = administration(table, gateway, issuer="https://issuer")
    caller, value = admin.create(NewCaller(name="ann", subject="sub-1"))
    assert value is None
    assert ("key", subject_hash("https://issuer", "sub-1")) in items(table)
    assert admin.keys(caller) == []
    admin.rotate("ann", Rotation(overlap_seconds=0))
    assert len(admin.keys(caller)) == 1
    assert "expires_at_s" not in items(table)["key", subject_hash("https://issuer", "sub-1")]


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (NewCaller(name="b", subject="sub"), "subject"),
        (NewCaller(name="b", models=["gpt-4o", "gpt-4o-minni"]), "models.1"),
        (NewCaller(name="b", expires_at=NOW), "expires_at"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(admin, table, gateway, new, field):
    with pytest.raises(InvalidRequest) as refused:
        admin.create(new)
    assert [one["field"] for one in refused.value.details] == [field]
    assert (items(table), gateway.keys) == ({}, {})


def test_a_name_and_a_key_are_one_callers_and_the_second_leaves_nothing(admin, table, gateway):
    admin.create(TEAM, "value-1")
    before = items(table), dict(gateway.keys)
    for new, value, field in ((TEAM, "value-2", "name"), (NewCaller(name="b"), "value-1", "key")):
        with pytest.raises(InvalidRequest) as refused:
            admin.create(new, value)
        assert refused.value.details == [{"field": field, "problem": "is another caller's"}]
        assert (items(table), gateway.keys) == before


@pytest.mark.parametrize("operation", ["CreateApiKey", "CreateUsagePlanKey"])
def test_a_gateway_that_refuses_leaves_nothing(table, operation):
    gateway = GatewayStub(operation)
    with pytest.raises(ClientError):
        administration(table, gateway).create(TEAM)
    assert (items(table), gateway.keys, gateway.members) == ({}, {}, {})


def _failing(admin, monkeypatch, error, *, after):
    write = admin.callers.enter

    def enter(*told):
        if after:
            write(*told)
        raise error

    monkeypatch.setattr(admin.callers, "enter", enter)


def test_a_table_that_refuses_leaves_no_key_of_the_gateways(admin, table, gateway, monkeypatch):
    error = ClientError({"Error": {"Code": "AccessDeniedException"}}, "TransactWriteItems")
    _failing(admin, monkeypatch, error, after=False)
    with pytest.raises(ClientError):
        admin.create(TEAM)
    assert (items(table), gateway.keys) == ({}, {})


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "InternalServerError"}}, "TransactWriteItems"),
        ConnectTimeoutError(endpoint_url="https://dynamodb"),
    ],
)
def test_a_caller_that_may_be_there_keeps_its_place_in_the_plan(
    admin, table, gateway, monkeypatch, error
):
    _failing(admin, monkeypatch, error, after=True)
    with pytest.raises(type(error)):
        admin.create(TEAM)
    assert len(items(table)) == 3
    assert len(gateway.members) == 1


def test_callers_are_found_by_name_and_by_id(admin):
    caller, _ = admin.create(TEAM)
    assert admin.find("team-a") == admin.find(caller.caller_id) == caller
    with pytest.raises(NotFound):
        admin.find("team-b")


def test_a_new_key_lets_the_old_one_end_after_the_overlap(admin, table):
    caller, first = admin.create(TEAM)
    _, second = admin.rotate("team-a", Rotation())
    kept = {one.key_hash: one.expires_at_s for one in admin.keys(caller)}
    assert kept == {key_hash(first): at(DAY_S).timestamp(), key_hash(second): None}


def test_a_rotation_neither_prolongs_an_old_key_nor_keeps_one_that_has_ended(admin, table, gateway):
    caller, first = admin.create(TEAM)
    _, second = admin.rotate("team-a", Rotation(overlap_seconds=1000))
    later = administration(table, gateway, now=at(500))
    _, third = later.rotate("team-a", Rotation(overlap_seconds=DAY_S))
    ends = {one.key_hash: one.expires_at_s for one in admin.keys(caller)}
    assert ends[key_hash(first)] == at(1000).timestamp()
    assert ends[key_hash(second)] == at(500 + DAY_S).timestamp()
    latest = administration(table, gateway, now=at(1000))
    _, fourth = latest.rotate("team-a", Rotation(overlap_seconds=0))
    assert {one.key_hash for one in admin.keys(caller)} == set(
        map(key_hash, (second, third, fourth))
    )


def test_however_often_keys_are_rotated_one_that_somebody_has_seen_can_be_ended(
    admin, table, gateway
):
    caller, _ = admin.create(TEAM)
    for _ in range(49):
        admin.rotate("team-a", Rotation())
    with pytest.raises(InvalidRequest) as refused:
        admin.rotate("team-a", Rotation(overlap_seconds=1))
    assert [one["field"] for one in refused.value.details] == ["overlap_seconds"]
    assert len(admin.keys(caller)) == 50
    for seconds, left in ((0, 51), (1, 3), (2, 2)):
        latest = administration(table, gateway, now=at(seconds))
        _, newest = latest.rotate("team-a", Rotation(overlap_seconds=0))
        assert len(admin.keys(caller)) == left
    assert {one.key_hash: one.expires_at_s for one in admin.keys(caller)}[key_hash(newest)] is None


@pytest.mark.parametrize(("overlap_seconds", "flushes"), [(0, 1), (299, 1), (300, 0)])
def test_an_overlap_that_verdicts_would_outlive_makes_the_gateway_forget_them(
    admin, gateway, overlap_seconds, flushes
):
    admin.create(TEAM)
    admin.rotate("team-a", Rotation(overlap_seconds=overlap_seconds))
    assert gateway.flushed == ["a1/api"] * flushes


def test_a_rotation_that_meets_another_one_makes_no_key(admin, table, monkeypatch):
    caller, _ = admin.create(TEAM)
    found = admin.keys(caller)
    table.delete_item(Key={"kind": "key", "item_id": found[0].key_hash})
    monkeypatch.setattr(admin.callers, "keys_of", lambda _id: found)
    with pytest.raises(ServiceUnavailable):
        admin.rotate("team-a", Rotation())
    assert not [kind for kind, _ in items(table) if kind == "key"]


def test_a_caller_is_disabled_at_once_only_where_that_is_said(admin, gateway):
    admin.create(TEAM)
    assert admin.switch("team-a", disabled=True, now=False) is False
    assert (admin.find("team-a").disabled, gateway.flushed) == (True, [])
    assert admin.switch("team-a", disabled=False, now=True) is True
    assert (admin.find("team-a").disabled, gateway.flushed) == (False, ["a1/api"])


def test_a_gateway_that_does_not_forget_is_no_reason_to_fail(table):
    admin = administration(table, GatewayStub("FlushStageAuthorizersCache"))
    admin.create(TEAM)
    assert admin.switch("team-a", disabled=True, now=True) is False
    assert admin.find("team-a").disabled


def test_what_is_not_said_stays_as_it_is(admin):
    admin.create(NewCaller(name="team-a", models=["gpt-4o"], tasks=["chat"]))
    admin.change("team-a", CallerChange(expires_at=at(60)))
    admin.change("team-a", CallerChange(models=[]))
    changed = admin.find("team-a")
    assert (changed.models, changed.tasks) == ([], ["chat"])
    assert changed.expires_at_s == at(60).timestamp()
    admin.change("team-a", CallerChange(expires_at=None))
    assert admin.find("team-a").expires_at_s is None
    with pytest.raises(InvalidRequest):
        admin.change("team-a", CallerChange(models=["none-such"]))


def test_two_changes_at_once_both_count(admin, monkeypatch):
    admin.create(TEAM)
    read, other = (
        admin.callers.caller,
        iter([lambda: admin.switch("team-a", disabled=True, now=False)]),
    )

    def caller(caller_id):
        found = read(caller_id)
        next(other, lambda: None)()
        return found

    monkeypatch.setattr(admin.callers, "caller", caller)
    admin.change("team-a", CallerChange(tasks=["chat"]))
    changed = read(admin.callers.id_of("team-a"))
    assert (changed.disabled, changed.tasks) == (True, ["chat"])


def test_a_caller_that_changes_again_and_again_is_to_be_asked_for_later(admin, monkeypatch):
    admin.create(TEAM)
    monkeypatch.setattr(admin.callers, "replace", lambda *_: False)
    with pytest.raises(ServiceUnavailable):
        admin.change("team-a", CallerChange(tasks=["chat"]))


def test_limits_are_ones_own_or_the_plans(admin, money):
    caller, _ = admin.create(NewCaller(name="boss", plan="operator"))
    admin.set_budget("boss", budget(month_usd=0.1, tier_down_at=0.5), money)
    told = shown(admin.find("boss"), admin.keys(caller), money).to_json()["limits"]
    assert told == {
        "day_usd": {"value": 7e-9, "origin": "plan"},
        "month_usd": {"value": 0.1, "origin": "own"},
        "mode": {"value": "strict", "origin": "plan"},
        "tier_down_at": {"value": 0.5, "origin": "own"},
    }
    admin.set_budget("boss", budget(month_usd=None, day_usd=0), money)
    limits = money.limits_of(admin.find("boss"))
    assert (limits.day_nano_usd, limits.month_nano_usd) == (0, None)


def test_what_was_spent_before_the_first_limit_counts_once(admin, money, gateway):
    caller, _ = admin.create(TEAM)
    recorded(money, caller, 5, when=NOW - timedelta(days=3))
    recorded(money, caller, 7, possibly_billed_nano_usd=2, simulated_cost_nano_usd=100)
    admin.set_budget("team-a", budget(month_usd=1), money)
    item = money.budget_of(caller).item
    assert {name: item[name] for name in (DAY, MONTH, f"opening#{DAY}", f"opening#{MONTH}")} == {
        DAY: 9, MONTH: 14, f"opening#{DAY}": 9, f"opening#{MONTH}": 14,
    }  # fmt: skip
    assert gateway.flushed == ["a1/api"]
    hold = Hold("req_1", 1, 50, 0, "2026-11-27", "2026-11-27T12:00", 2_000_000_000, "writer")
    money.budgets.reserve(budget_id(caller.caller_id), money.limits_of(admin.find("team-a")), hold)
    recorded(money, caller, 1000)
    admin.set_budget("team-a", budget(month_usd=2), money)
    kept = money.budget_of(caller)
    assert (kept.committed(DAY), kept.committed(MONTH)) == (59, 64)
    assert kept.item[f"opening#{MONTH}"] == 14


def test_what_is_spent_until_a_first_call_is_held_is_taken_over_anew(admin, money):
    caller, _ = admin.create(TEAM)
    recorded(money, caller, 7)
    for spent in (7, 10):
        admin.set_budget("team-a", budget(day_usd=1), money)
        assert money.budget_of(caller).item[f"opening#{DAY}"] == spent
        recorded(money, caller, 3)


def test_a_period_that_calls_were_held_in_has_no_opening(admin, money):
    caller, _ = admin.create(TEAM)
    hold = Hold("req_1", 1, 50, 0, "2026-11-27", "2026-11-27T12:00", 2_000_000_000, "writer")
    money.budgets.reserve(budget_id(caller.caller_id), Limits(total_nano_usd=100), hold)
    recorded(money, caller, 7)
    admin.set_budget("team-a", budget(day_usd=1), money)
    assert money.budget_of(caller).committed(DAY) == 50


def test_simulated_costs_count_where_only_simulators_answer(admin, money):
    caller, _ = admin.create(TEAM)
    recorded(money, caller, 0, simulated_cost_nano_usd=100)
    trial = Money(money.budgets, money.state, {}, counts_simulated=True)
    admin.set_budget("team-a", budget(day_usd=1), trial)
    assert money.budget_of(caller).committed(DAY) == 100


def test_without_a_limit_nothing_is_written_of_a_budget(admin, money):
    caller, _ = admin.create(TEAM)
    recorded(money, caller, 7)
    admin.set_budget("team-a", budget(mode="expected"), money)
    assert money.budget_of(caller).item == {}


def test_spend_says_what_is_settled_held_and_left_of_each_limit(admin, money):
    caller, _ = admin.create(TEAM)
    recorded(money, caller, 7)
    admin.set_budget("team-a", budget(day_usd=1, tokens_per_minute=10), money)
    hold = Hold("req_1", 1, 50, 4, "2026-11-27", "2026-11-27T12:00", 2_000_000_000, "writer")
    limits = money.limits_of(admin.find("team-a"))
    money.budgets.reserve(budget_id(caller.caller_id), limits, hold)
    told = spend(admin.find("team-a"), money, NOW).model_dump(mode="json")
    assert told["budgets"] == [
        {
            "period": "day",
            "limit_usd": 1.0,
            "spent_usd": 7e-9,
            "held_usd": 50e-9,
            "left_usd": 0.999999943,
            "used": 0.0,
            "renews_at": "2026-11-28T00:00:00.000Z",
        }
    ]
    assert told["tokens_per_minute"] == {"limit": 10, "left": 6}
    assert told["recorded"]["month"]["cost_usd"] == 7e-9


@pytest.mark.parametrize("now", [NOW, NOW.replace(day=1), NOW.replace(day=1, hour=23, minute=59)])
def test_without_limits_the_day_and_the_month_are_told_as_they_were_recorded(admin, money, now):
    caller, _ = admin.create(TEAM)
    recorded(money, caller, 1, when=now.replace(day=1, hour=0, minute=0))
    recorded(money, caller, 10, when=now.replace(hour=0, minute=0))
    recorded(money, caller, 100, when=now)
    recorded(money, caller, 1000, when=now.replace(day=1) - timedelta(days=1))
    told = spend(caller, money, now).model_dump(mode="json")
    assert (told["budgets"], told["tokens_per_minute"]) == ([], None)
    assert told["recorded"]["month"]["cost_usd"] == 111e-9
    assert told["recorded"]["day"]["cost_usd"] == (111e-9 if now.day == 1 else 110e-9)
