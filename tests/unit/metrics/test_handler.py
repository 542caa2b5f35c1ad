import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from functions.metrics import cloudwatch
from functions.metrics.handler import lambda_handler
from functions.shared.caller import Caller, Limits
from functions.shared.gateway.response_headers import OF_JSON
from functions.shared.money.caller_spend import spend_changes
from functions.shared.storage.state_table import StateTable
from functions.shared.times import stamp
from tests.support.caller_rows import enter
from tests.support.figures import SERVICE_NAME, FakeCloudWatch
from tests.support.gateway_events import OPERATOR_ID, answered
from tests.support.log_rows import row, write

MEASURED = ("summary", "models/gpt-4o", "providers", "costs")


@pytest.fixture
def measured(monkeypatch):
    fake = FakeCloudWatch()
    monkeypatch.setattr(cloudwatch, "client", lambda _: fake)
    return fake


@pytest.fixture(autouse=True)
def _tables(requests_table, state_table, callers_table, budgets_table):
    """Of a stage that nobody has used yet."""


@pytest.fixture(autouse=True)
def _environment(environment, measured):
    environment(REQUESTS_TABLE="Requests", STATE_TABLE="State", PROVIDERS_CONFIGURED="openai")
    environment(POWERTOOLS_SERVICE_NAME=SERVICE_NAME)


def _get(path, key="key-1", as_=None, **query):
    asked = {"content_type": None, "caller_id": key, "caller": as_, "query": query or None}
    response = answered(lambda_handler, "GET", f"/v1/metrics/{path}", **asked)
    return response["statusCode"], json.loads(response["body"]), response["multiValueHeaders"]


def _error(path, **query):
    status, body, _ = _get(path, **query)
    assert body.keys() == {"success", "error", "request_id"}
    assert (body["success"], body["request_id"]) == (False, "req_1-2-3")
    return status, body["error"]["code"]


def _refused(path, **query):
    """The fields that are to blame."""
    status, body, _ = _get(path, **query)
    assert (status, body["error"]["code"]) == (400, "invalid_request")
    return [one["field"] for one in body["error"]["details"]]


@pytest.mark.parametrize(
    ("path", "query"), [("summary", {}), ("summary", {"window": "x"}), ("nothing", {})]
)
def test_every_answer_and_error_has_the_headers_of_all(path, query):
    _, _, headers = _get(path, **query)
    assert {name: headers[name] for name in OF_JSON} == {n: [v] for n, v in OF_JSON.items()}


@pytest.mark.parametrize("path", MEASURED)
def test_a_path_about_a_window_says_which_one_it_was(path):
    status, body, _ = _get(path, window="2h")
    assert (status, body["window"]) == (200, "2h")
    stretch = datetime.fromisoformat(body["to"]) - datetime.fromisoformat(body["from"])
    assert stretch == timedelta(hours=2, minutes=1)
    assert _get(path)[1]["window"] == "1h"


@pytest.mark.parametrize("path", MEASURED)
def test_a_parameter_that_a_path_does_not_have_is_refused_by_name(path, measured):
    assert _refused(path, window="4m") == ["window"]
    assert _refused(path, window="") == ["window"]
    assert _refused(path, window="1h", since="x", **{"a b": "1"}) == ["query", "since"]
    assert measured.calls == []


def test_the_log_and_the_last_minutes_refuse_strange_parameters_as_well():
    assert _refused("logs", window="1h") == ["window"]
    assert _refused("logs", limit="0") == _refused("logs", limit="abc") == ["limit"]
    assert _refused("logs", **{"from": "x", "to": "1700000000"}) == ["from", "to"]
    assert _refused("logs", first="2026-11-24T00:00:00Z") == ["first"]
    assert _refused("logs", cursor="A") == ["cursor"]
    assert _refused("realtime", window="1h") == ["window"]
    assert _refused("realtime", **{"x" * 1_000: "1"}) == ["x" * 64]


def test_what_is_not_there_is_not_found():
    assert _error("models/gpt-99") == (404, "not_found")
    assert _error("models") == (404, "not_found")
    assert _error("nothing") == (404, "not_found")


@pytest.mark.parametrize("path", MEASURED)
def test_throttled_metrics_are_the_callers_429_with_the_time_to_wait(path, measured):
    measured.refusal = "Throttling"
    assert _error(path) == (429, "rate_limited")
    assert _get(path)[2]["Retry-After"] == ["1"]


@pytest.mark.parametrize("path", MEASURED)
def test_metrics_that_cannot_be_read_are_our_fault_and_say_nothing_more(path, measured):
    measured.refusal = "AccessDenied"
    assert _error(path) == (500, "internal_error")
    assert "AccessDenied" not in json.dumps(_get(path)[1])


def test_the_log_of_another_key_is_forbidden():
    assert _error("logs", caller_id="key-2") == (403, "forbidden")


def test_a_key_sees_itself_and_an_operators_key_everybody(requests_table, callers_table):
    now = datetime.now(UTC)
    write(
        requests_table,
        [row(number, now, caller_id=f"key-{number}", model="gpt-4o") for number in (1, 2)],
    )
    enter(callers_table, "key-2", "team-b")
    for number in (1, 2):
        spent = {"caller_id": f"key-{number}", "cost_nano_usd": 1_000_000_000}
        for change in spend_changes(spent | {"finished_at": stamp(now)}):
            StateTable("State").add(change)

    def seen(key):
        logs = _get("logs", key)[1]["data"]
        spent = _get("costs", key)[1]["by_caller"]
        return (
            {one["caller"] for one in logs},
            spent.keys(),
            _get("realtime", key)[1]["requests"],
        )

    assert seen("key-1") == ({"key-1"}, {"key-1"}, 1)
    assert seen("key-9") == ({"key-1", "team-b"}, {"key-1", "team-b"}, 2)
    assert [one["caller_id"] for one in _get("logs", "key-9", caller="team-b")[1]["data"]] == [
        "key-2"
    ]


def test_two_callers_never_see_each_others_budgets_nor_the_stages(
    environment, callers_table, budgets_table
):
    stage = Limits(month_nano_usd=9_000_000_000)
    environment(STAGE_LIMITS=stage.model_dump_json())
    for number in (1, 2):
        enter(callers_table, f"key-{number}", f"team-{number}", total_nano_usd=number * 10**9)
        budgets_table.put_item(Item={"budget_id": f"caller#key-{number}", "total": 10**8})

    def seen(key, limits=None):
        told = Caller(name=f"team-{key[-1]}", limits=limits, stage_limits=stage)
        plan = told if key != OPERATOR_ID else told.model_copy(update={"plan": "operator"})
        budgets = _get("costs", key, plan)[1]["budgets"]
        return [(one["name"], limit["limit_usd"]) for one in budgets for limit in one["limits"]]

    assert seen("key-1", Limits(total_nano_usd=10**9)) == [("team-1", 1)]
    assert seen("key-2", Limits(total_nano_usd=2 * 10**9)) == [("team-2", 2)]
    assert seen("key-3") == []
    assert seen(OPERATOR_ID) == [("team-1", 1), ("team-2", 2), ("stage", 9)]


def test_health_that_cannot_be_read_leaves_the_rest(state_table):
    boto3.client("dynamodb").delete_table(TableName=state_table.name)
    assert _get("models/gpt-4o")[1]["health"] is None
    assert {one["circuit"] for one in _get("providers")[1]["data"]} == {None}
