"""What is asked again: the real definition with the real handlers."""

import json
import time

import pytest

from functions.claim.handler import lambda_handler as claim
from functions.classify.handler import lambda_handler as classify
from functions.shared.contracts.decision import Claim
from functions.shared.kept_answers.answer_table import AnswerTable
from functions.shared.simulation import FAULTS_VARIABLE
from functions.shared.storage.request_log import RequestLog
from functions.shared.storage.tables import table
from tests.support.claimed_runs import (
    BEGINS,
    CALLS,
    HIT,
    MODEL,
    TOLD,
    crash,
    logged_rows,
    new_machine,
    run_request,
)

pytestmark = pytest.mark.usefixtures("functions")


def test_a_request_that_asks_for_neither_claims_nothing(calls):
    run = run_request("req_1")
    assert run.path == ["Classify", *CALLS]
    assert table("Answers").scan()["Items"] == []


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("deliveries", [1, 2])
def test_a_key_is_answered_once_however_often_events_are_delivered(calls, mode, deliveries):
    machine = new_machine(deliveries)
    first = run_request("req_1", machine=machine, key="k", mode=mode)
    assert first.path == [*BEGINS, *CALLS]
    again = run_request("req_2", machine=machine, key="k", mode=mode)
    assert again.path == TOLD
    assert again.output == first.output
    assert logged_rows().keys() == {"req_1"}
    assert calls["Hello there."] == deliveries  # of the one event, and of no other request


def test_a_key_with_another_body_is_told_so_without_a_row(calls):
    run_request("req_1", key="k")
    other = run_request("req_2", key="k", text="Hello you.")
    assert other.path == TOLD
    assert other.output["error"]["code"] == "idempotency_conflict"
    assert other.output["request_id"] == "req_2"
    assert logged_rows().keys() == {"req_1"}
    assert calls["Hello you."] == 0


@pytest.mark.parametrize("error", ["ProviderAuthFailed", "ContentFiltered", "InvalidRequest"])
def test_a_failed_request_leaves_its_key_and_its_place_to_the_next(calls, monkeypatch, error):
    monkeypatch.setenv(FAULTS_VARIABLE, json.dumps({MODEL: error}))
    run_request("req_1", key="k", cache_ttl_seconds=60)
    monkeypatch.delenv(FAULTS_VARIABLE)
    again = run_request("req_2", key="k", cache_ttl_seconds=60)
    assert again.path == [*BEGINS, *CALLS]
    assert again.output["request_id"] == "req_2"
    assert [row["status"] for _, row in sorted(logged_rows().items())] == ["FAILED", "SUCCEEDED"]
    assert calls["Hello there."] == 1 + (error != "x")


def test_a_kept_answer_has_a_row_of_its_own_that_names_the_first(calls):
    first = run_request("req_1", cache_ttl_seconds=60)
    again = run_request("req_2", cache_ttl_seconds=60)
    assert (first.path, again.path) == ([*BEGINS, *CALLS], HIT)
    assert again.output["result"] == first.output["result"]
    assert (again.output["cached"], again.output["request_id"]) == (True, "req_2")
    rows = logged_rows()
    assert [rows[id_]["cache"] for id_ in ("req_1", "req_2")] == ["miss", "hit"]
    hit = rows["req_2"]
    assert hit["cached_from"] == {"request_id": "req_1", "model": MODEL, "provider": "openai"}
    assert (hit["attempts"], hit["cost_nano_usd"], hit["model"]) == ([], 0, MODEL)
    assert "latency_ms" not in hit
    assert "decision" not in hit
    assert calls["Hello there."] == 1


def test_a_key_and_a_cache_go_together(calls):
    run_request("req_1", cache_ttl_seconds=60)
    hit = run_request("req_2", key="k", cache_ttl_seconds=60)
    assert hit.path == HIT
    assert run_request("req_3", key="k", cache_ttl_seconds=60).output == hit.output
    assert logged_rows().keys() == {"req_1", "req_2"}


def test_who_waits_looks_again_until_there_is_an_answer(calls):
    looks = []

    def looking(event, context):
        looks.append(claim(event, context))
        if len(looks) == 3:
            # The first one is done meanwhile.
            run_request("req_1", machine=new_machine(Claim=held), cache_ttl_seconds=60)
        return looks[-1]

    def held(event, context):
        return {**looks[0], "outcome": "held", "claims": [leading.model_dump()], "wait_seconds": 0}

    leading = _claim_of("req_1")
    run = run_request("req_2", machine=new_machine(Claim=looking), cache_ttl_seconds=60)
    waits = ["Wait For Answer", "Claim", "Whose Answer?"]
    assert run.path == [*BEGINS, *waits * 3, "Record Metrics"]
    assert run.output["cached"] is True
    assert calls["Hello there."] == 1


def _claim_of(request_id):
    """What another request holds that asks the same, and does not answer yet."""
    asked = {
        "request": {
            "task": "chat", "text": "Hello there.", "model": MODEL, "fallback": False,
            "cache_ttl_seconds": 60,
        },
        "request_id": request_id, "caller_id": "key-1", "caller": {}, "mode": "sync",
        "started_at": "2026-11-27T00:00:00Z",
    }  # fmt: skip
    from tests.support.gateway_events import LambdaStub

    [made] = classify(asked, LambdaStub())["profile"]["claims"]
    leading = Claim.model_validate(made)
    assert AnswerTable("Answers").take(leading, request_id, round(time.time()) + 60) is None
    return leading


def test_where_nobody_can_tell_a_key_is_not_called_and_a_cache_is_missed(calls):
    machine = new_machine(Claim=crash)
    keyed = run_request("req_1", machine=machine, key="k")
    assert keyed.path == [*BEGINS, "Record Failure", "Failed"]
    cached = run_request("req_2", machine=machine, cache_ttl_seconds=60)
    assert cached.path == [*BEGINS, *CALLS]
    assert calls["Hello there."] == 1
    assert RequestLog("Requests").get("req_1")["status"] == "FAILED"
