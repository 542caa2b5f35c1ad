import json

import pytest

from functions.shared.caller import Caller, Limits
from functions.shared.callers import directory
from functions.shared.callers.directory import (
    Directory,
    all_callers,
    callers_seen_by,
    known_callers,
    names_for,
)
from functions.shared.callers.records import CALLER, CallerRecord, item_of
from functions.shared.callers.table import CallerTable
from functions.shared.gateway.reader import Reader
from functions.shared.settings import SpendingSettings
from functions.shared.storage import clients
from tests.support.caller_rows import enter

OPERATOR, CALLER_A = Reader("id-9", is_operator=True), Reader("id-a", is_operator=False)


@pytest.fixture
def at(monkeypatch):
    def set_to(now_s):
        monkeypatch.setattr(f"{directory.__name__}.time.time", lambda: now_s)

    return set_to


def test_a_caller_is_called_by_its_name_and_whoever_has_none_by_its_id(callers_table):
    enter(callers_table, "id-a", "team-a")
    names = known_callers("Callers")
    assert [names.name_of(one) for one in ("id-a", "id-b")] == ["team-a", "id-b"]
    assert names.name_of("id-b", "told-by-its-token") == "told-by-its-token"
    assert [names.id_of(one) for one in ("team-a", "id-a", "id-b")] == ["id-a", "id-a", "id-b"]


def test_callers_are_read_page_by_page(callers_table):
    for number in range(5):
        enter(callers_table, f"id-{number}", f"team-{number}")
    asked = []

    def in_pages(params, **_):
        asked.append(params)
        params["Limit"] = 2

    events = clients.client("dynamodb").meta.events
    events.register("before-parameter-build.dynamodb.Query", in_pages)
    names = [one.name for one in CallerTable(callers_table).callers()]
    assert names == [f"team-{number}" for number in range(5)]
    assert len(asked) == 3


def test_names_are_kept_for_a_minute(callers_table, at):
    at(60)
    assert known_callers("Callers").name_of("id-a") == "id-a"
    enter(callers_table, "id-a", "team-a")
    at(119.9)
    assert known_callers("Callers").name_of("id-a") == "id-a"
    at(120)
    assert known_callers("Callers").name_of("id-a") == "team-a"


def test_while_the_callers_cannot_be_read_ids_stand_for_them_and_nothing_is_kept(callers_table, at):
    at(60)
    enter(callers_table, "id-a", "team-a")
    assert known_callers("Unheard").name_of("id-a") == "id-a"
    assert known_callers("Callers").name_of("id-a") == "team-a"


def test_two_callers_never_have_one_label():
    names = Directory({"id-a": "id-b", "id-c": "team"})
    labels = names.distinct(["id-a", "id-b", "id-c"])
    assert labels == {"id-a": "id-b (id-a)", "id-b": "id-b", "id-c": "team"}


def test_who_is_no_operator_knows_its_own_name_alone(callers_table):
    enter(callers_table, "id-a", "team-a")
    enter(callers_table, "id-b", "team-b")
    own = names_for(CALLER_A, "team-a", "Callers")
    assert [own.name_of(one) for one in ("id-a", "id-b")] == ["team-a", "id-b"]
    assert own.id_of("team-b") == "team-b"
    assert names_for(OPERATOR, "root", "Callers").name_of("id-b") == "team-b"


def test_an_operator_sees_all_callers_with_their_own_limits_over_their_plans(callers_table):
    enter(callers_table, "id-a", "team-a", month_nano_usd=5)
    enter(callers_table, "id-b", "team-b")
    plan = Limits(day_nano_usd=7)
    settings = SpendingSettings(
        CALLERS_TABLE="Callers",
        BUDGETS_TABLE="Budgets",
        PLAN_LIMITS=json.dumps({"standard": {"day_nano_usd": 7}}),
    )
    told = {id_: one.limits for id_, one in all_callers(settings).items()}
    assert told == {"id-a": Limits(day_nano_usd=7, month_nano_usd=5), "id-b": plan}
    itself = Caller(name="root", plan="operator")
    assert callers_seen_by(OPERATOR, itself, settings).keys() == {"id-9", "id-a", "id-b"}
    assert callers_seen_by(CALLER_A, itself, settings) == {"id-a": itself}


def test_keys_and_names_are_no_callers(callers_table):
    record = CallerRecord(caller_id="id-a", name="team-a", created_at_s=1)
    callers_table.put_item(Item=item_of(CALLER, "id-a", record))
    callers_table.put_item(Item={"kind": "name", "item_id": "team-a", "caller_id": "id-a"})
    callers_table.put_item(Item={"kind": "key", "item_id": "0" * 64, "caller_id": "id-a"})
    assert list(CallerTable(callers_table).callers()) == [record]
