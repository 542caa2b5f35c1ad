"""What a client sends again by itself: the real definitions with the real handlers."""

import json
import time
from functools import partial

import pytest

from functions.claim.handler import lambda_handler as claim
from functions.classify.handler import lambda_handler as classify
from functions.invoke_provider.handler import lambda_handler as invoke
from functions.shared.simulation import FAULTS_VARIABLE
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
from tests.support.machine_in_process import Submission

pytestmark = pytest.mark.usefixtures("functions")

WAITS = ["Wait For Answer", "Claim", "Whose Answer?"]
SUBMITS = ["Check Request", "Key?", "Claim Key", "Whose Job?", "Start Job"]


def _retried(request_id, count=1, **told):
    return run_request(request_id, count=count, **told)


_first = partial(_retried, count=0)


@pytest.mark.parametrize("deliveries", [1, 2])
def test_a_retry_after_the_first_ended_is_told_its_answer_without_a_row(calls, deliveries):
    machine = new_machine(deliveries)
    first = _first("req_1", machine=machine)
    assert first.path == [*BEGINS, *CALLS]
    for count in (1, 2):
        again = _retried(f"req_{count + 1}", count, machine=machine)
        assert (again.path, again.output) == (TOLD, first.output)
    assert logged_rows().keys() == {"req_1"}
    assert calls["Hello there."] == deliveries


@pytest.mark.parametrize("deliveries", [1, 2])
def test_a_retry_while_the_first_runs_waits_and_gets_its_answer(calls, deliveries):
    called, answered, looks, retried = [], [], [], []

    def first(event, context):
        """Its client has given up, and its call goes on."""
        called.append((event, context))
        retried.append(_retried("req_2", machine=new_machine(deliveries, Claim=looking)))
        return answered[0]

    def looking(event, context):
        output = claim(event, context)
        looks.append(output["outcome"])
        if len(looks) == deliveries + 1:
            answered.append(invoke(*called[0]))
        return output

    run = _first("req_1", machine=new_machine(invoke=first))
    [waited] = retried
    assert waited.path == [*BEGINS, *WAITS * 2, "Answer"]
    assert waited.output == run.output == answered[0]["answer"]
    assert logged_rows().keys() == {"req_1"}
    assert calls["Hello there."] == 1


@pytest.mark.parametrize("error", ["ProviderAuthFailed", "ContentFiltered", "InvalidRequest"])
def test_a_retry_of_what_failed_makes_its_own_call(calls, monkeypatch, error):
    monkeypatch.setenv(FAULTS_VARIABLE, json.dumps({MODEL: error}))
    _first("req_1")
    monkeypatch.delenv(FAULTS_VARIABLE)
    again = _retried("req_2")
    assert (again.path, again.output["request_id"]) == ([*BEGINS, *CALLS], "req_2")
    assert [row["status"] for _, row in sorted(logged_rows().items())] == ["FAILED", "SUCCEEDED"]
    # And it is the first call to the next.
    assert _retried("req_3", 2).output == again.output


def test_a_retry_whose_first_call_never_came_makes_it(calls):
    assert _retried("req_2").path == [*BEGINS, *CALLS]
    assert calls["Hello there."] == 1


@pytest.mark.parametrize("deliveries", [1, 2])
def test_who_means_the_same_twice_pays_twice(calls, deliveries):
    runs = [_first(f"req_{number}", machine=new_machine(deliveries)) for number in (1, 2)]
    assert [run.path for run in runs] == [[*BEGINS, *CALLS]] * 2
    assert [run.output["request_id"] for run in runs] == ["req_1", "req_2"]
    assert logged_rows().keys() == {"req_1", "req_2"}
    assert _retried("req_3").output == runs[1].output


def test_an_earlier_call_keeps_and_frees_nothing_of_a_later_one(calls):
    later = []

    def overtaken(event, context):
        if event["profile"]["request_id"] == "req_1" and not later:
            time.sleep(0.002)
            later.append(_first("req_2"))
        return invoke(event, context)

    assert _first("req_1", machine=new_machine(invoke=overtaken)).output["request_id"] == "req_1"
    assert _retried("req_3").output == later[0].output
    assert logged_rows().keys() == {"req_1", "req_2"}


def test_a_call_that_its_own_retry_overtook_is_answered_by_it(calls):
    retried = []

    def slow(event, context):
        """So slow that its client has asked again."""
        time.sleep(0.002)
        retried.append(_retried("req_2"))
        return classify(event, context)

    first = _first("req_1", machine=new_machine(Classify=slow))
    [again] = retried
    assert (first.path, first.output) == (TOLD, again.output)
    assert logged_rows().keys() == {"req_2"}
    assert calls["Hello there."] == 1


def test_another_body_another_path_and_another_caller_are_no_retry(calls):
    _first("req_1")
    assert _retried("req_2", text="Hello you.").path == [*BEGINS, *CALLS]
    assert _retried("req_3", mode="async").path == [*BEGINS, *CALLS]
    assert logged_rows().keys() == {"req_1", "req_2", "req_3"}


def test_a_key_says_it_already(calls):
    first = _first("req_1", key="k")
    assert len(table("Answers").scan()["Items"]) == 1
    # A call that is counted as the first is none under a used key.
    for run in (_first("req_2", key="k"), _retried("req_3", key="k")):
        assert (run.path, run.output) == (TOLD, first.output)
    assert logged_rows().keys() == {"req_1"}


def test_a_kept_answer_is_the_first_one_to_a_retry_of_its_request(calls):
    run_request("req_1", cache_ttl_seconds=60)
    hit = _first("req_2", cache_ttl_seconds=60)
    assert hit.path == HIT
    again = _retried("req_3", cache_ttl_seconds=60)
    assert (again.path, again.output) == (TOLD, hit.output)
    assert logged_rows().keys() == {"req_1", "req_2"}


def test_where_nobody_can_tell_a_retry_is_not_called_and_what_is_meant_is(calls):
    machine = new_machine(Claim=crash)
    assert _retried("req_1", machine=machine).path == [*BEGINS, "Record Failure", "Failed"]
    assert _first("req_2", machine=machine).path == [*BEGINS, *CALLS]
    # It was accepted before.
    assert _retried("req_3", machine=machine, mode="async").path == [*BEGINS, *CALLS]
    assert calls["Hello there."] == 2


@pytest.fixture
def submission():
    return Submission(Classify=classify, Claim=claim)


def _submitted(submission, request_id, count=None, **told):
    return run_request(request_id, machine=submission, mode="async", count=count, **told)


def _job(submission, request_id):
    return new_machine().run(submission.started[request_id])


def test_a_job_that_nobody_counts_claims_nothing(submission):
    run = _submitted(submission, "req_1")
    assert run.path == ["Check Request", "Key?", "Start Job", "List Job", "Accepted"]
    assert "client_retry_count" not in submission.started["req_1"]
    assert table("Answers").scan()["Items"] == []


@pytest.mark.parametrize("deliveries", [1, 2])
def test_a_job_that_is_submitted_again_by_its_client_is_the_first_one_to_its_end_and_after(
    calls, deliveries
):
    submission = Submission(deliveries, Classify=classify, Claim=claim)
    first = _submitted(submission, "req_1", 0)
    assert first.path == [*SUBMITS, "List Job", "Accepted"]
    again = _submitted(submission, "req_2", 1)
    assert (again.path, again.output) == ([*SUBMITS, "Accepted"], first.output)
    # It is no retry of itself.
    assert _job(submission, "req_1").path == [*BEGINS, *CALLS]
    ended = _submitted(submission, "req_3", 2)
    assert (ended.path, ended.output) == (again.path, first.output)
    assert submission.started.keys() == logged_rows().keys() == {"req_1"}
    assert calls["Hello there."] == 1


def test_a_job_that_began_with_a_retry_runs_once(submission, calls):
    first = _submitted(submission, "req_1", 1)
    assert _submitted(submission, "req_2", 2).output == first.output
    assert _job(submission, "req_1").path == [*BEGINS, *CALLS]
    assert _submitted(submission, "req_3", 2).output == first.output
    assert logged_rows().keys() == {"req_1"}


def test_two_jobs_that_are_meant_are_two_and_each_has_its_row(submission, calls):
    for request_id in ("req_1", "req_2"):
        _submitted(submission, request_id, 0)
        time.sleep(0.002)
    for request_id in ("req_1", "req_2"):
        assert _job(submission, request_id).path == [*BEGINS, *CALLS]
    assert logged_rows().keys() == {"req_1", "req_2"}
    assert _submitted(submission, "req_3", 1).output["execution_id"] == "req_2"


def test_a_failed_job_that_is_submitted_again_is_a_new_one(submission, calls, monkeypatch):
    _submitted(submission, "req_1", 0)
    monkeypatch.setenv(FAULTS_VARIABLE, json.dumps({MODEL: "ProviderAuthFailed"}))
    assert _job(submission, "req_1").error == "all_providers_failed"
    monkeypatch.delenv(FAULTS_VARIABLE)
    assert _submitted(submission, "req_2", 1).output["execution_id"] == "req_2"


def test_the_key_of_a_job_that_ended_is_told_apart_whatever_its_client_counts(submission, calls):
    _submitted(submission, "req_1", 0, key="k")
    _job(submission, "req_1")
    told = _submitted(submission, "req_2", 1, key="k")
    assert (told.path[-1], told.error) == ("Refused", "duplicate_request")


@pytest.mark.parametrize("broken", [{"Classify": crash}, {"Claim": crash}])
def test_a_retried_job_is_not_accepted_where_nobody_can_tell_and_one_that_is_meant_is(broken):
    submission = Submission(1, **{"Classify": classify, "Claim": claim, **broken})
    for request_id, count, key in (("req_1", 1, ""), ("req_2", 0, "k")):
        refused = _submitted(submission, request_id, count, key=key)
        assert (refused.path[-1], refused.error) == ("Refused", "service_unavailable")
        assert refused.output["error"]["retry_after_seconds"] == 5
    for request_id, meant in (("req_3", 0), ("req_4", None)):
        run = _submitted(submission, request_id, meant)
        assert (run.path[-1], run.output["execution_id"]) == ("Accepted", request_id)
        assert ("Claim Key" in run.path) == (meant == 0 and "Claim" in broken)
    assert submission.started.keys() == {"req_3", "req_4"}
