"""API Gateway takes a request's id from the client that sends one; no id of ours is made of it."""

import json

import pytest

from tests.conftest import running_stack
from tests.support.api_calls import eventually, post

pytestmark = pytest.mark.xdist_group("chosen ids")

CHOSEN = "free-lunch"


@pytest.fixture(scope="module")
def alone():
    with running_stack() as stack:
        yield stack


def ask(stack, path="/generate", key=None, **headers):
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


def test_five_requests_under_one_chosen_id_leave_five_of_everything(alone):
    answers = [ask(alone) for _ in range(5)]
    assert {answer.headers["x-amzn-requestid"] for answer in answers} == {CHOSEN}
    ids = {answer.json()["request_id"] for answer in answers}
    rows = [item for item in alone.requests_table().scan()["Items"] if item["request_id"] in ids]
    assert len(rows) == 5
    assert eventually(lambda: counted(alone, rows[0]["caller_id"]) >= 5)
    assert eventually(lambda: ids <= set(metric_lines(alone)))
    assert sorted(one for one in metric_lines(alone) if one in ids) == sorted(ids)
    assert counted(alone, rows[0]["caller_id"]) == 5


def test_no_callers_job_can_be_taken_by_the_id_of_another(alone):
    first = ask(alone, "/jobs", Idempotency_Key="first").json()["execution_id"]
    owner = first.removeprefix("req_").removesuffix("_first")
    for path in ("/generate", "/jobs"):
        squatted = ask(alone, path, alone.other_api_key, X_Amzn_RequestId=f"{owner}_second")
        assert squatted.ok
        assert owner not in squatted.text
    assert ask(alone, "/jobs", Idempotency_Key="second").status_code == 202


@pytest.mark.parametrize("chosen", ['x","name":"y', "$x#set($a=1)", "a\\", "{}", "é" * 10])
def test_whatever_a_client_chooses_is_part_of_no_call_and_no_answer(alone, chosen):
    for path in ("/generate", "/jobs", "/no-such-path", "/route"):
        answer = ask(alone, path, X_Amzn_RequestId=chosen.encode())
        assert answer.json()
        assert "free" not in answer.text
        assert chosen not in answer.text
