"""Responses that are made in the background: the jobs of the native route, in OpenAI's words."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from openai.types.responses import Response as OpenaiResponse

from functions.openai.bodies import Response
from functions.openai.handler import lambda_handler
from functions.shared.jobs import executions as job_executions
from tests.support.gateway_events import ask
from tests.support.native_answers import REQUEST_ID, native_answer, native_call, native_error
from tests.unit.openai.test_answers import ASKED, CUSTOM, RESPONSES

BEGAN = datetime(2026, 11, 24, 10, tzinfo=UTC)
ACCEPTED = {
    "execution_id": "req_1-2-3",
    "status": "RUNNING",
    "status_url": "/api/v1/jobs/req_1-2-3",
}
MINE = f"{RESPONSES}/resp_1-2-3"


def refused_with(code):
    return {"status": "SUCCEEDED", "output": json.dumps(native_error(code))}


class Jobs:
    """Step Functions, as far as a job is looked up there."""

    def __init__(self, machine):
        self.machine = machine
        self.execution = None
        self.stopped = []

    def describe_execution(self, executionArn):  # noqa: N803
        if self.execution is None or not executionArn.endswith(REQUEST_ID):
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist"}}, "DescribeExecution")
        return self.execution

    def stop_execution(self, executionArn, **told):  # noqa: N803
        self.stopped.append(executionArn)
        self.execution |= {"status": "ABORTED", "stopDate": BEGAN, **told}

    def runs(self, request, caller_id="key-1", **more):
        told = {"request": request, "caller_id": caller_id, **more}
        self.execution = {"status": "RUNNING", "startDate": BEGAN, "input": json.dumps(told)}

    def ends(self, status, **more):
        self.execution |= {"status": status, "stopDate": BEGAN + timedelta(seconds=9), **more}


@pytest.fixture
def jobs(machine, monkeypatch):
    made = Jobs(machine)
    monkeypatch.setattr(job_executions, "client", lambda _: made)
    machine.answers(ACCEPTED)
    return made


def submitted(send, jobs, **body):
    """The job as the machine was told it, running."""
    status, response, headers = send(RESPONSES, ASKED | {"background": True} | body)
    assert status == 200, response
    told = jobs.machine.input
    jobs.runs(told["request"], noted=told["noted"])
    return response, headers


def read(path=MINE, method="GET", **options):
    return ask(lambda_handler, method, path, **options)


def test_one_is_submitted_as_a_job_and_queued(machine, jobs, send):
    response, headers = submitted(send, jobs, instructions="Be brief")
    assert (machine.told[0]["stateMachineArn"], machine.input["mode"]) == ("arn:submit", "async")
    OpenaiResponse.model_validate(Response.model_validate(response).model_dump(mode="json"))
    assert (response["id"], response["status"], response["background"]) == (
        "resp_1-2-3", "queued", True,
    )  # fmt: skip
    assert (response["instructions"], response["output"], response["usage"]) == (
        "Be brief",
        [],
        None,
    )
    assert headers["x-request-id"] == "req_1-2-3"


def test_it_is_in_progress_until_its_job_has_ended_and_then_whole(machine, jobs, send):
    submitted(send, jobs, model="openai/gpt-4o", tools=[CUSTOM], logprobs=True)
    status, running = read()
    assert (status, running["status"], running["model"]) == (200, "in_progress", "openai/gpt-4o")
    calls = [native_call("patch", '{"input": "x"}')]
    jobs.ends("SUCCEEDED", output=json.dumps(native_answer(tool_calls=calls)))
    status, ended = read()
    Response.model_validate(ended)
    assert (status, ended["status"], ended["model"]) == (200, "completed", "gpt-4o-mini")
    assert ended["completed_at"] - ended["created_at"] == 9
    assert [one["type"] for one in ended["output"]] == ["message", "custom_tool_call"]
    assert ended["routing"]["dropped_parameters"][0]["parameter"] == "logprobs"
    assert ended["tools"][0]["type"] == "custom"


@pytest.mark.parametrize(
    ("end", "status", "error"),
    [
        ({"status": "ABORTED", "error": "Aborted"}, "cancelled", None),
        ({"status": "TIMED_OUT"}, "failed", "server_error"),
        ({"status": "FAILED", "error": "States.Runtime"}, "failed", "server_error"),
        (
            {"status": "FAILED", "error": "budget_exceeded",
             "cause": json.dumps(native_error("budget_exceeded"))},
            "failed", "rate_limit_exceeded",
        ),
        (refused_with("invalid_request"), "failed", "invalid_prompt"),
        (refused_with("content_filtered"), "incomplete", None),
    ],
)  # fmt: skip
def test_one_without_an_answer_says_why(jobs, send, end, status, error):
    submitted(send, jobs)
    jobs.ends(**end)
    told = read()[1]
    OpenaiResponse.model_validate(Response.model_validate(told).model_dump(mode="json"))
    assert told["status"] == status
    assert (told["error"] or {}).get("code") == error
    reason = {"reason": "content_filter"} if status == "incomplete" else None
    assert told["incomplete_details"] == reason


def test_it_is_cancelled_by_stopping_its_job(machine, jobs, send):
    submitted(send, jobs)
    status, told = read(f"{MINE}/cancel", "POST")
    assert (status, told["status"], len(jobs.stopped)) == (200, "cancelled", 1)
    status, again = read(f"{MINE}/cancel", "POST")
    assert (status, again["status"], len(jobs.stopped)) == (200, "cancelled", 1)


@pytest.mark.parametrize(
    "path",
    [f"{RESPONSES}/resp_none", f"{RESPONSES}/1-2-3", f"{RESPONSES}/req_1-2-3", f"{MINE}/cancel"],
)
def test_what_is_not_there_or_anothers_is_not_found(machine, jobs, path):
    jobs.runs({"text": "x"}, caller_id="key-2")
    status, told = read(path, "POST" if path.endswith("cancel") else "GET")
    assert (status, told["error"]["code"]) == (404, "not_found")
    assert jobs.stopped == []
    assert read(MINE, caller_id="key-2")[0] == 200


def test_one_that_is_kept_has_no_stream(jobs, send):
    submitted(send, jobs)
    status, told = read(query={"stream": "true"})
    assert (status, told["error"]["param"]) == (400, "stream")
    assert read(query={"stream": "false"})[0] == 200


def test_a_job_of_the_native_route_is_a_response_too(jobs):
    jobs.runs({"text": "x", "models": ["gpt-4o", "gpt-5"]})
    told = read()[1]
    Response.model_validate(told)
    assert (told["status"], told["model"]) == ("in_progress", "gpt-4o, gpt-5")
    assert told["background"] is True


def test_a_key_that_was_used_gives_the_first_response_as_it_is_by_now(machine, jobs, send):
    submitted(send, jobs)
    jobs.ends("SUCCEEDED", output=json.dumps(native_answer()))
    again = native_error("duplicate_request", execution_id=REQUEST_ID, status_url="x")
    machine.fails(again)
    status, told, _ = send(RESPONSES, ASKED | {"background": True})
    assert (status, told["id"], told["status"]) == (200, "resp_1-2-3", "completed")


def test_one_that_was_submitted_before_is_named_by_its_first_request(machine, jobs, send):
    machine.answers(ACCEPTED | {"execution_id": "req_first"})
    _, told, headers = send(RESPONSES, ASKED | {"background": True, "logprobs": True})
    assert (told["id"], headers["x-request-id"]) == ("resp_first", "req_first")
    assert headers["x-idempotent-replay"] == "true"
    assert headers["x-dropped-parameters"] == "logprobs"


def test_a_refused_job_is_an_error(machine, jobs, send):
    machine.fails(native_error("forbidden", "This caller may not ask for it."))
    status, told, _ = send(RESPONSES, ASKED | {"background": True})
    assert (status, told["error"]["code"]) == (403, "forbidden")


def test_a_conversation_goes_on_from_an_answer_that_is_kept(machine, jobs, send):
    submitted(send, jobs, input=[{"role": "user", "content": "A"}], instructions="Old")
    calls = [native_call("f", "{}")]
    jobs.ends("SUCCEEDED", output=json.dumps(native_answer(result="B", tool_calls=calls)))
    machine.answers(native_answer())
    output = {"type": "function_call_output", "call_id": "call_1", "output": "C"}
    body = ASKED | {"input": [output], "previous_response_id": "resp_1-2-3"}
    status, told, _ = send(RESPONSES, body)
    assert (status, told["previous_response_id"]) == (200, "resp_1-2-3")
    assert machine.input["request"] == {
        "messages": [
            {"role": "user", "content": "A"},
            {"role": "assistant", "content": "B", "tool_calls": calls},
            {"role": "tool", "tool_call_id": "call_1", "content": "C"},
        ]
    }


def test_a_conversation_does_not_go_on_from_what_is_not_kept(machine, jobs, send):
    body = ASKED | {"previous_response_id": "resp_none"}
    status, told, _ = send(RESPONSES, body)
    assert (status, told["error"]["param"]) == (400, "previous_response_id")
    jobs.runs({"text": "x"})
    status, told, _ = send(RESPONSES, body | {"previous_response_id": "resp_1-2-3"})
    assert (status, told["error"]["param"]) == (400, "previous_response_id")
    assert "RUNNING" in told["error"]["message"]
