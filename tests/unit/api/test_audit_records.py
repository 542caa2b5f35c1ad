import json
import time
from decimal import Decimal

import pytest

from functions.api.handler import lambda_handler
from functions.shared.caller import Caller
from functions.shared.errors import HTTP_STATUS
from functions.shared.storage.request_log import RequestLog
from tests.support.caller_rows import enter
from tests.support.gateway_events import OPERATOR_ID, ask

ATTEMPTS = [
    {
        "model": "gpt-4o", "provider": "openai", "outcome": "ProviderTimeout", "elapsed_ms": 900,
        "retries": 0, "cost_nano_usd": 250_000_000, "possibly_billed": True, "message": "no answer",
    },
    {
        "model": "gpt-6-luna", "provider": "openai", "outcome": "success", "elapsed_ms": 40,
        "usage": {"input_tokens": 7, "output_tokens": 3}, "cost_nano_usd": 1_300, "retries": 0,
    },
]  # fmt: skip
ROW = {
    "request_id": "req_1-2",
    "caller_id": "key-1",
    "created_at": "2026-11-25T12:00:00.000Z",
    "status": "SUCCEEDED",
    "day": "2026-11-25",
    "expires_at": 1_800_000_000,
    "attempts": ATTEMPTS,
    "decision": {"candidates": [{"model": "gpt-6-luna", "final_score": 0.1, "mock": False}]},
    "usage": {"total_cost_nano_usd": 123_456_789},
    "price_version": "2026-11-24",
    "policy_version": "default-1",
}
_PRINTED = json.loads(
    json.dumps(ROW)
    .replace('"cost_nano_usd": 250000000', '"cost_usd": 0.25')
    .replace('"cost_nano_usd": 1300', '"cost_usd": 0.0000013')
    .replace('"total_cost_nano_usd": 123456789', '"total_cost_usd": 0.123456789')
)
_SHOWN = {name: value for name, value in _PRINTED.items() if name not in ("day", "expires_at")}
SHOWN = _SHOWN | {"caller": "key-1"}


@pytest.fixture(autouse=True)
def _environment(environment, requests_table):
    environment(JOBS_STATE_MACHINE_ARN="arn:aws:states:us-east-1:1:stateMachine:jobs")
    environment(REQUESTS_TABLE="Requests", STATE_TABLE="State")


@pytest.fixture
def row():
    _put()


def _put(**changes):
    assert RequestLog("Requests").put_once(ROW | changes)


def _get(request_id="req_1-2", **options):
    return ask(lambda_handler, "GET", f"/v1/requests/{request_id}", **options)


def _grade(body, request_id="req_1-2", **options):
    text = body if isinstance(body, str) else json.dumps(body)
    return ask(lambda_handler, "POST", f"/v1/requests/{request_id}/feedback", text, **options)


def _assert_error(answered, code):
    status, body = answered
    assert (status, body["error"]["code"]) == (HTTP_STATUS[code], code)
    assert body.keys() == {"success", "error", "request_id"}


def test_times_of_an_earlier_version_are_told_in_the_form_of_today():
    old = "2026-11-24T10:00:00.000+00:00"
    _put(created_at=old, feedback={"score": 1, "created_at": old})
    told = _get()[1]
    new = "2026-11-24T10:00:00.000Z"
    assert (told["created_at"], told["feedback"]["created_at"]) == (new, new)


def test_a_request_is_told_as_it_was_recorded_without_the_logs_own_keys(row):
    assert _get() == (200, SHOWN)


def test_a_row_tells_where_its_time_went_and_one_of_an_earlier_version_does_not():
    times = {
        "latency_ms": 3_000, "provider_ms": 900, "waited_ms": 2_000, "overhead_ms": 100,
        "steps_ms": {"classify": 1.5, "score": 4, "invoke": 2.25, "transit": 92.25},
    }  # fmt: skip
    _put(**times)
    assert _get() == (200, SHOWN | times)
    _put(request_id="req_2")
    assert not times.keys() & _get("req_2")[1].keys()


def test_a_record_says_what_its_caller_is_called(row, callers_table):
    assert _get(caller=Caller(name="team-a"))[1]["caller"] == "team-a"
    enter(callers_table, "key-1", "team-a")
    assert _get(caller_id=OPERATOR_ID)[1]["caller"] == "team-a"


def test_a_caller_that_was_never_entered_is_called_what_its_token_said(callers_table):
    _put(profile={"task": "chat", "caller": {"name": "of-its-token"}})
    assert _get(caller_id=OPERATOR_ID)[1]["caller"] == "of-its-token"


def test_numbers_come_back_as_the_shortest_json_that_means_the_same(row):
    _, told = _get()
    first, second = told["attempts"]
    assert repr(second["cost_usd"]) == "1.3e-06"
    assert repr(told["usage"]["total_cost_usd"]) == "0.123456789"
    assert isinstance(first["elapsed_ms"], int)
    assert first["possibly_billed"] is True


def test_a_prompt_is_told_where_the_stage_keeps_it_and_nowhere_else(row):
    _put(request_id="req_kept", prompt="Hello")
    assert "prompt" not in _get()[1]
    assert _get("req_kept")[1]["prompt"] == "Hello"


def test_another_keys_request_is_not_found(row):
    _assert_error(_get(caller_id="key-2"), "not_found")
    _assert_error(_grade({"thumbs": "up"}, caller_id="key-2"), "not_found")


@pytest.mark.parametrize("ask_for_it", [_get, lambda: _grade({"thumbs": "up"})])
def test_a_row_that_is_about_to_be_written_is_waited_for(requests_table, monkeypatch, ask_for_it):
    waits = []

    def write_meanwhile(wait_s):
        waits.append(wait_s)
        if len(waits) == 2:
            _put()

    monkeypatch.setattr(time, "sleep", write_meanwhile)
    assert ask_for_it()[0] == 200
    assert len(waits) == 2


@pytest.mark.parametrize("request_id", ["req_none", "x", "%27", "req_a:b", "req_" + "a" * 3000])
def test_an_unknown_or_impossible_id_is_not_found(requests_table, request_id):
    _assert_error(_get(request_id), "not_found")
    _assert_error(_grade({"thumbs": "up"}, request_id), "not_found")
    assert requests_table.scan()["Count"] == 0


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ({"score": 0.7}, {"score": 0.7}),
        ({"score": 0}, {"score": 0}),
        ({"score": 1, "comment": None}, {"score": 1}),
        ({"score": 1e-300}, {"score": 0}),
        ({"score": 0.1 + 0.2}, {"score": 0.3}),
        ({"thumbs": "up"}, {"score": 1}),
        ({"thumbs": "down", "score": None}, {"score": 0}),
        ({"thumbs": "up", "comment": "à point"}, {"score": 1, "comment": "à point"}),
        ({"thumbs": "up", "comment": "c" * 1000}, {"score": 1, "comment": "c" * 1000}),
    ],
)
def test_a_grade_is_kept_with_the_request(row, body, kept):
    status, told = _grade(body)
    assert (status, told["success"], told["request_id"]) == (200, True, "req_1-2")
    feedback = told["feedback"]
    assert {name: value for name, value in feedback.items() if name != "created_at"} == kept
    assert feedback["created_at"].endswith("Z")
    assert _get()[1] == SHOWN | {"feedback": feedback}


def test_a_later_grade_replaces_the_earlier(row, requests_table):
    _grade({"thumbs": "up", "comment": "Good"})
    _grade({"score": 0.25})
    kept = requests_table.get_item(Key={"request_id": "req_1-2"})["Item"]["feedback"]
    assert kept["score"] == Decimal("0.25")
    assert "comment" not in kept


def test_a_request_that_failed_has_no_answer_to_grade():
    _put(status="FAILED")
    answered = _grade({"thumbs": "up"})
    _assert_error(answered, "invalid_request")
    assert answered[1]["error"]["message"] == "There is no answer to grade."
    assert "feedback" not in _get()[1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"score": 0.5, "thumbs": "up"}, "body"),
        ({"comment": "only that"}, "body"),
        ({"score": 1.1}, "score"),
        ({"score": -0.1}, "score"),
        ({"score": "0.5"}, "score"),
        ({"score": True}, "score"),
        ({"thumbs": "sideways"}, "thumbs"),
        ({"thumbs": "up", "comment": "c" * 1001}, "comment"),
        ({"thumbs": "up", "comment": 7}, "comment"),
        ({"thumbs": "up", "reason": "x"}, "reason"),
        ('{"score": NaN}', "body"),
        ("[]", "body"),
        ("{", "body"),
        ("", "body"),
    ],
    ids=str,
)
def test_a_bad_grade_is_refused_by_field(row, body, field):
    answered = _grade(body)
    _assert_error(answered, "invalid_request")
    [problem] = answered[1]["error"]["details"]
    assert problem["field"] == field
    assert problem["problem"]
    assert _get()[1] == SHOWN


def test_a_grade_that_is_not_json_is_an_unsupported_media_type(row):
    _assert_error(_grade({"thumbs": "up"}, content_type="text/plain"), "unsupported_media_type")


def test_a_problem_names_no_more_of_an_unknown_field_than_it_must(row):
    _, body = _grade({"thumbs": "up", "f" * 5000: 1})
    assert body["error"]["details"][0]["field"] == "f" * 64


@pytest.mark.usefixtures("row")
def test_half_a_surrogate_pair_in_a_grade_is_replaced():
    status, body = _grade('{"thumbs": "up", "comment": "cut \\ud83d"}')
    assert (status, body["feedback"]["comment"]) == (200, "cut \ufffd")


def test_what_all_callers_spent_is_the_operators_to_see():
    left = [
        {"owner": owner, "period": "month", "left_nano_usd": 7} for owner in ("caller", "stage")
    ]
    _put(
        profile={"caller": {"name": "team-a", "stage_limits": {"month_nano_usd": 9}}},
        decision={"routing_context": {"budgets_left": {"money": left}}},
    )
    own, all_of_it = _get("req_1-2")[1], _get("req_1-2", caller_id=OPERATOR_ID)[1]
    assert own["profile"]["caller"] == {"name": "team-a"}
    shown = own["decision"]["routing_context"]["budgets_left"]["money"]
    assert [one["owner"] for one in shown] == ["caller"]
    assert all_of_it["profile"]["caller"]["stage_limits"] == {"month_usd": 9e-9}
    assert len(all_of_it["decision"]["routing_context"]["budgets_left"]["money"]) == 2
