"""A new account of AWS runs ten functions at once; this one runs three, and refuses the fourth."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from functions.shared.storage.request_log import unpacked
from tests.support.api_calls import eventually, get, post

pytestmark = pytest.mark.xdist_group("small account")

TOLD_TO_COME_BACK = {429: "rate_limited", 503: "service_unavailable"}
"""A function of a state was refused, or the one that looks up who calls."""


def ask(stack, path="/generate", **body):
    return post(stack, path, {"text": "hello", "task": "chat"} | body)


def rows(stack):
    return {item["request_id"]: unpacked(item) for item in stack.requests_table().scan()["Items"]}


def waiting_for_replay(stack):
    """What is in the dead-letter queue, by request; taken out of it."""
    queue, sqs = stack.output("DeadLetterQueueUrl"), stack.client("sqs")
    events = []
    while told := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        events += [json.loads(message["Body"]) for message in told]
    return {event["request_id"]: event for event in events}


@contextmanager
def refused(stack, construct_id):
    """Lambda runs the function no more."""
    functions, name = stack.client("lambda"), stack.function_name(construct_id)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        functions.delete_function_concurrency(FunctionName=name)


def told_costs(told):
    """In nano-dollars, as an answer's caller knows them: what is billed, and what is simulated."""
    usage = told["usage"]
    return tuple(round(usage[name] * 10**9) for name in ("total_cost_usd", "simulated_cost_usd"))


def test_a_crowd_is_answered_or_told_to_come_back_and_nobody_is_failed(small):
    with ThreadPoolExecutor(24) as crowd:
        answers = list(crowd.map(lambda _: ask(small), range(48)))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[200] > 0
    assert statuses.keys() <= {200, *TOLD_TO_COME_BACK}
    for answer in answers:
        if answer.status_code != 200:
            assert answer.json()["error"]["code"] == TOLD_TO_COME_BACK[answer.status_code]
            assert int(answer.headers["Retry-After"]) > 0
    answered = [answer.json() for answer in answers if answer.status_code == 200]
    ids = {told["request_id"] for told in answered}
    # Lambda keeps what it cannot run for now.
    assert eventually(lambda: ids <= rows(small).keys())
    logged = rows(small)
    for told in answered:
        row = logged[told["request_id"]]
        assert row["status"] == "SUCCEEDED"
        assert (row["cost_nano_usd"], row["simulated_cost_nano_usd"]) == told_costs(told)


def test_every_accepted_job_ends_with_an_answer_or_a_reason(small):
    with ThreadPoolExecutor(12) as crowd:
        accepted = list(crowd.map(lambda _: ask(small, "/jobs"), range(24)))
    assert {answer.status_code for answer in accepted} == {202}
    ends = time.monotonic() + 90
    waiting = {answer.json()["execution_id"] for answer in accepted}
    ended = {}
    while waiting and time.monotonic() < ends:
        for job in sorted(waiting):
            told = get(small, f"/jobs/{job}")
            if told.status_code == 200 and told.json()["status"] != "RUNNING":
                ended[job] = told.json()
                waiting.discard(job)
        time.sleep(0.2)
    assert not waiting
    reasons = {job["error"]["code"] for job in ended.values() if job["status"] == "FAILED"}
    assert reasons <= {"rate_limited"}
    assert any(job["status"] == "SUCCEEDED" for job in ended.values())


@pytest.mark.parametrize("state", ["Classify", "Score"])
def test_a_state_that_lambda_refuses_for_good_is_a_request_too_many(small, state):
    with refused(small, state):
        answer = ask(small)
    body = answer.json()
    assert (answer.status_code, body["error"]["code"]) == (429, "rate_limited")
    assert answer.headers["Retry-After"] == str(body["error"]["retry_after_seconds"])
    row = rows(small)[body["request_id"]]
    assert (row["status"], row["error_code"], row["cost_nano_usd"]) == ("FAILED", "rate_limited", 0)


def test_a_provider_function_that_lambda_refuses_costs_nothing_and_is_no_fault_of_its_models(small):
    with refused(small, "InvokeSimulator"):
        answer = ask(small, model="gpt-4o-mini", fallback=False)
    body = answer.json()
    assert (answer.status_code, body["error"]["code"]) == (429, "rate_limited")
    row = rows(small)[body["request_id"]]
    assert row["cost_nano_usd"] == 0
    [attempt] = row["attempts"]
    assert attempt["outcome"] == "Lambda.TooManyRequestsException"
    assert "possibly_billed_nano_usd" not in attempt


def test_an_answer_that_cannot_be_recorded_now_is_given_and_recorded_once_it_can(small):
    with refused(small, "RecordMetrics"):
        answer = ask(small)
        told = answer.json()
        assert answer.status_code == 200
        assert told["request_id"] not in rows(small)
    assert eventually(lambda: told["request_id"] in rows(small))
    row = rows(small)[told["request_id"]]
    assert (row["cost_nano_usd"], row["simulated_cost_nano_usd"]) == told_costs(told)
    assert told["request_id"] not in waiting_for_replay(small)


def test_a_request_that_could_not_even_be_recorded_is_one_too_many_and_waits_for_replay(small):
    with refused(small, "Classify"), refused(small, "RecordMetrics"):
        answer = ask(small)
    body = answer.json()
    assert (answer.status_code, body["error"]["code"]) == (429, "rate_limited")
    assert int(answer.headers["Retry-After"]) > 0
    assert body["request_id"] in waiting_for_replay(small)


def test_a_job_is_accepted_where_its_request_cannot_be_checked_just_now(small):
    with refused(small, "Classify"):
        accepted = ask(small, "/jobs")
    assert accepted.status_code == 202
