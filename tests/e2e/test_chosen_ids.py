"""API Gateway takes a request's id from the client that sends one; no id of ours is made of it."""

import json
import time

import pytest

from tests.support.api_calls import eventually, post

pytestmark = pytest.mark.xdist_group("local")

CHOSEN = "free-lunch"


@pytest.fixture
def caller(stack):
    """The id and the key of one that has asked nothing yet."""
    return stack.new_caller(f"chosen-{time.time_ns()}")


def ask(stack, key, path="/generate", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"text": "hello", "task": "chat"}
    return post(stack, path, body, key=key, headers={"X-Amzn-RequestId": CHOSEN} | named)


def counted(stack, caller_id):
    """How many requests of a caller the state table has counted, by the hour."""
    [name] = [
        table for table in stack.client("dynamodb").list_tables()["TableNames"] if "State" in table
    ]
    items = stack.client("dynamodb").scan(TableName=name)["Items"]
    return sum(
        int(item.get(f"requests|{caller_id}", {"N": 0})["N"])
        for item in items
        if len(item["state_id"]["S"]) == len("spend#2026-11-26T15")
    )


def metric_lines(stack):
    """The ids of the requests that were counted as metrics."""
    logged = stack.log_lines("Tally")
    lines = [json.loads(line) for line in logged if line.startswith("{")]
    return [line["request_id"] for line in lines if "_aws" in line and "Requests" in line]


def test_five_requests_under_one_chosen_id_leave_five_of_everything(stack, caller):
    caller_id, key = caller
    answers = [ask(stack, key) for _ in range(5)]
    assert {answer.headers["x-amzn-requestid"] for answer in answers} == {CHOSEN}
    ids = {answer.json()["request_id"] for answer in answers}
    rows = stack.requests_table().scan()["Items"]
    assert {row["request_id"] for row in rows if row["caller_id"] == caller_id} == ids
    assert len(ids) == 5
    assert eventually(lambda: counted(stack, caller_id) >= 5)
    assert eventually(lambda: ids <= set(metric_lines(stack)))
    assert sorted(one for one in metric_lines(stack) if one in ids) == sorted(ids)
    assert counted(stack, caller_id) == 5


def test_no_callers_job_can_be_taken_by_the_id_of_another(stack, caller):
    owner, key = caller
    first = ask(stack, key, "/jobs", Idempotency_Key="first").json()["execution_id"]
    assert owner not in first
    for path in ("/generate", "/jobs"):
        squatted = ask(stack, stack.other_api_key, path, X_Amzn_RequestId=f"{owner}_second")
        assert squatted.ok
        assert owner not in squatted.text
    again = ask(stack, key, "/jobs", Idempotency_Key="first").json()
    assert again.get("error", again)["execution_id"] == first


@pytest.mark.parametrize("chosen", ['x","name":"y', "$x#set($a=1)", "a\\", "{}", "é" * 10])
def test_whatever_a_client_chooses_is_part_of_no_call_and_no_answer(stack, chosen):
    for path in ("/generate", "/jobs", "/no-such-path", "/route"):
        answer = ask(stack, stack.api_key, path, X_Amzn_RequestId=chosen.encode())
        assert answer.json()
        assert "free" not in answer.text
        assert chosen not in answer.text
