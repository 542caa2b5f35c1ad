import json

import pytest

from functions.admin import handler
from functions.admin.handler import lambda_handler
from functions.shared.callers.records import key_hash, subject_hash
from functions.shared.callers.table import CallerTable
from functions.shared.errors import HTTP_STATUS
from functions.shared.telemetry.observability import logger
from tests.support.callers import SERVICE, GatewayStub
from tests.support.gateway_events import OPERATOR_ID, ask

CALLERS = "/v1/admin/callers"
ROUTES = [
    ("POST", CALLERS),
    ("GET", CALLERS),
    ("GET", f"{CALLERS}/team-a"),
    ("PATCH", f"{CALLERS}/team-a"),
    ("POST", f"{CALLERS}/team-a/rotate"),
    ("POST", f"{CALLERS}/team-a/disable"),
    ("POST", f"{CALLERS}/team-a/enable"),
    ("PUT", f"{CALLERS}/team-a/budget"),
    ("GET", f"{CALLERS}/team-a/spend"),
]


@pytest.fixture
def gateway(monkeypatch):
    stub = GatewayStub()
    monkeypatch.setattr(handler, "client", lambda _service: stub)
    return stub


@pytest.fixture(autouse=True)
def table(environment, state_table, callers_table, budgets_table, gateway):
    environment(CALLERS_TABLE="Callers", BUDGETS_TABLE="Budgets", STATE_TABLE="State")
    environment(POWERTOOLS_SERVICE_NAME=SERVICE, PROVIDERS_CONFIGURED="openai,local")
    environment(PLAN_LIMITS='{"standard": {"month_nano_usd": 1000000000}}')
    return callers_table


def asked(method, path="", body=None):
    text = body if body is None else json.dumps(body)
    return ask(lambda_handler, method, CALLERS + path, text, caller_id=OPERATOR_ID)


def made(**said):
    status, told = asked("POST", body={"name": "team-a", **said})
    assert status == 201, told
    return told


def assert_refused(answered, code, **problems):
    status, told = answered
    assert (status, told["error"]["code"]) == (HTTP_STATUS[code], code)
    found = {one["field"]: one["problem"] for one in told["error"].get("details", [])}
    assert found == problems


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_but_an_operator_manages_callers(method, path, table):
    assert_refused(ask(lambda_handler, method, path, "{}"), "forbidden")
    assert table.scan()["Count"] == 0


@pytest.mark.parametrize(("method", "path"), ROUTES[2:])
def test_a_caller_that_there_is_not_is_not_found(method, path):
    bodies = {"PATCH": {"tasks": []}, "PUT": {"day_usd": 1}}
    rest = path.removeprefix(CALLERS)
    assert_refused(asked(method, rest, bodies.get(method)), "not_found")


def test_a_key_is_shown_once(table):
    told = made(budget={"day_usd": 0.25}, models=["gpt-4o"], tasks=["chat"])
    assert CallerTable(table).key(key_hash(told["key"]))
    status, shown = asked("GET", "/team-a")
    assert (status, shown) == (200, {name: told[name] for name in told if name != "key"})
    assert shown["limits"]["day_usd"] == {"value": 0.25, "origin": "own"}
    assert shown["limits"]["month_usd"] == {"value": 1.0, "origin": "plan"}
    assert [one["hint"] for one in shown["keys"]] == [told["key"][-4:]]
    assert asked("GET", f"/{told['caller_id']}") == (200, shown)


def test_callers_are_listed_by_name():
    made(name="b")
    made(name="a")
    _, told = asked("GET")
    assert [one["name"] for one in told["data"]] == ["a", "b"]


def test_a_name_is_one_callers():
    made()
    answered = asked("POST", body={"name": "team-a"})
    assert_refused(answered, "invalid_request", name="is another caller's")


@pytest.mark.parametrize(
    ("method", "path", "body", "problems"),
    [
        ("POST", "", {"nam": "a"}, {"nam": 'unknown; did you mean "name"?', "name": "is missing"}),
        ("POST", "", {"name": "A b"}, {"name": "must match ^[a-z0-9][a-z0-9._-]{0,39}$"}),
        ("POST", "", {"name": "a", "plan": "gold"}, {"plan": "must be 'standard' or 'operator'"}),
        (
            "POST",
            "",
            {"name": "a", "budget": {"month": 5}},
            {"budget.month": 'unknown; did you mean "month_usd"?'},
        ),
        ("POST", "", {"name": "a", "subject": "s"}, {"subject": "this stage takes no tokens"}),
        ("PUT", "/team-a/budget", {"day_usd": -1}, {"day_usd": "must be at least 0"}),
        ("PUT", "/team-a/budget", {"day_usd": "5"}, {"day_usd": "must be a number"}),
        ("PUT", "/team-a/budget", {}, {"body": "must say what to change"}),
        ("PATCH", "/team-a", {"tasks": ["fly"]}, {"tasks.0": "must be 'summarize', 'sentiment', "
         "'rewrite', 'chat', 'code', 'analysis', 'tools' or 'embedding'"}),
        ("PATCH", "/team-a", {"expires_at": "soon"}, {"expires_at": "must be an ISO 8601 time"}),
        ("PATCH", "/team-a", {"expires_at": "2027-01-01"},
         {"expires_at": "must have its offset from UTC"}),
        ("PATCH", "/team-a", {"expires_at": "1969-12-31T23:59:59+00:00"},
         {"expires_at": "must be from 1970 to 9999"}),
        ("PATCH", "/team-a", {"expires_at": "9999-12-31T23:59:59-12:00"},
         {"expires_at": "must be from 1970 to 9999"}),
        ("POST", "/team-a/rotate", {"overlap_seconds": -1}, {"overlap_seconds": "must be at least 0"}),
        ("POST", "/team-a/disable", {"nwo": True}, {"nwo": 'unknown; did you mean "now"?'}),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_at_its_place(method, path, body, problems):
    made()
    assert_refused(asked(method, path, body), "invalid_request", **problems)


def test_a_rotation_shows_the_new_key_and_when_the_old_one_ends():
    first = made()["key"]
    status, told = asked("POST", "/team-a/rotate")
    assert status == 200
    assert {one["hint"]: one["expires_at"] is None for one in told["keys"]} == {
        first[-4:]: False,
        told["key"][-4:]: True,
    }


def test_a_caller_is_disabled_and_enabled(gateway):
    made()
    status, told = asked("POST", "/team-a/disable")
    assert (status, told["disabled"], told["holds"]) == (200, True, "within 300 s")
    assert gateway.flushed == []
    status, told = asked("POST", "/team-a/enable", {"now": True})
    assert (status, told["disabled"], told["holds"]) == (200, False, "at once")
    assert gateway.flushed == ["a1/api"]


def test_a_caller_is_changed_and_its_budget_set(gateway):
    made(models=["gpt-4o"])
    status, told = asked("PATCH", "/team-a", {"models": [], "expires_at": "2099-01-01T00:00:00Z"})
    assert (status, told["models"], told["holds"]) == (200, [], "at once")
    assert told["expires_at"] == "2099-01-01T00:00:00.000Z"
    status, told = asked("PUT", "/team-a/budget", {"month_usd": 0.000000001})
    assert (status, told["limits"]["month_usd"]) == (200, {"value": 1e-9, "origin": "own"})
    _, told = asked("GET", "/team-a/spend")
    assert [(one["period"], one["left_usd"]) for one in told["budgets"]] == [("month", 1e-9)]
    assert len(gateway.flushed) == 2


def test_who_changed_what_is_logged_and_no_key_is(monkeypatch):
    lines = []
    monkeypatch.setattr(logger, "info", lambda *said, **more: lines.append((said, more)))
    key = made()["key"]
    rotated = asked("POST", "/team-a/rotate")[1]["key"]
    asked("GET", "/team-a")
    assert [(more["by"], more["method"], more["path"]) for _, more in lines] == [
        (OPERATOR_ID, "POST", CALLERS),
        (OPERATOR_ID, "POST", f"{CALLERS}/team-a/rotate"),
    ]
    assert not any(one in str(lines) for one in (key, rotated))


def test_a_caller_of_the_issuers_tokens_has_no_key_until_it_is_given_one(environment, table):
    environment(JWT='{"issuer": "https://issuer", "audience": "a"}')
    told = made(subject="sub-1")
    assert (told["key"], told["keys"], told["subject"]) == (None, [], "sub-1")
    assert CallerTable(table).key(subject_hash("https://issuer", "sub-1"))
    answered = asked("POST", body={"name": "team-b", "subject": "sub-1"})
    assert_refused(answered, "invalid_request", subject="is another caller's")
