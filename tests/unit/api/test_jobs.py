import json
from datetime import UTC, datetime
from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.shared.errors import NotFound
from functions.shared.gateway.reader import Reader
from functions.shared.jobs import executions as jobs_module
from functions.shared.jobs.executions import Jobs
from functions.shared.storage.job_table import JobTable

DEFINITION = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}


@pytest.fixture
def client(aws):
    return boto3.client("stepfunctions")


@pytest.fixture
def machine_arn(client):
    role = "arn:aws:iam::123456789012:role/machine"
    made = client.create_state_machine(name="jobs", definition=json.dumps(DEFINITION), roleArn=role)
    return made["stateMachineArn"]


def _jobs(machine_arn="arn", caller_id="key-1"):
    return Jobs(machine_arn, Reader(caller_id, is_operator=False), JobTable("Jobs"))


def _start(client, machine_arn, name, caller_id):
    body = json.dumps({"request": {"text": "x"}, "caller_id": caller_id})
    client.start_execution(stateMachineArn=machine_arn, name=name, input=body)


def test_a_running_job_has_no_result_and_no_end(client, machine_arn):
    _start(client, machine_arn, "req_1", "key-1")
    job = _jobs(machine_arn).get("req_1").to_json()
    assert job.keys() == {"execution_id", "status", "submitted_at", "finished_at"}
    assert (job["status"], job["finished_at"]) == ("RUNNING", None)


def test_another_keys_job_is_not_found(client, machine_arn):
    _start(client, machine_arn, "req_1", "key-1")
    with pytest.raises(NotFound):
        _jobs(machine_arn, caller_id="key-2").get("req_1")
    with pytest.raises(NotFound):
        _jobs(machine_arn, caller_id="key-2").stop("req_1")


@pytest.mark.parametrize(
    "execution_id", ["req_none", "", "x", "req_a:b", "req_" + "a" * 90, "req_é"]
)
def test_an_unknown_or_impossible_id_is_not_found(client, machine_arn, execution_id):
    with pytest.raises(NotFound):
        _jobs(machine_arn).get(execution_id)


def test_a_stopped_job_ends_aborted_and_stopping_it_again_changes_nothing(client, machine_arn):
    _start(client, machine_arn, "req_1", "key-1")
    jobs = _jobs(machine_arn)
    stopped = jobs.stop("req_1").to_json()
    assert (stopped["status"], stopped["error"]["code"]) == ("ABORTED", "aborted")
    assert jobs.stop("req_1").to_json() == stopped


def test_a_stopped_job_is_listed_as_aborted_at_once(client, machine_arn, jobs_table):
    _start(client, machine_arn, "req_1", "key-1")
    jobs_table.put_item(Item={"execution_id": "req_1", "status": "RUNNING"})
    stopped = _jobs(machine_arn).stop("req_1").to_json()
    assert jobs_table.get_item(Key={"execution_id": "req_1"})["Item"] == {
        "execution_id": "req_1",
        "status": "ABORTED",
        "finished_at": stopped["finished_at"],
        "error_code": "aborted",
    }


def test_a_list_that_cannot_be_written_keeps_no_job_from_being_stopped(client, machine_arn, caplog):
    _start(client, machine_arn, "req_1", "key-1")
    assert _jobs(machine_arn).stop("req_1").status == "ABORTED"
    assert "not listed as aborted" in caplog.text


def test_a_job_that_ends_between_a_look_and_its_stop_is_told_as_it_ended(monkeypatch, aws):
    began = datetime(2026, 11, 24, tzinfo=UTC)
    running = {
        "status": "RUNNING", "startDate": began, "input": json.dumps({"caller_id": "key-1"}),
    }  # fmt: skip
    ended = running | {"status": "ABORTED", "stopDate": began}
    looks = iter([running, ended])
    monkeypatch.setattr(Jobs, "_describe", lambda *_: next(looks))

    def refuse(**_):
        raise ClientError({"Error": {"Code": "ValidationException"}}, "StopExecution")

    monkeypatch.setattr(jobs_module, "client", lambda _: SimpleNamespace(stop_execution=refuse))
    job = _jobs().stop("req_1").to_json()
    assert job["status"] == "ABORTED"


@pytest.mark.parametrize(
    ("status", "error", "shown"),
    [
        ("ABORTED", "Aborted", ("aborted", "The job was stopped.")),
        ("TIMED_OUT", "States.Timeout", ("deadline_exceeded", "The job took too long.")),
        ("FAILED", "States.Runtime", ("internal_error", "The job failed inside.")),
    ],
)
def test_a_job_without_an_error_of_its_own_says_how_it_ended(
    monkeypatch, aws, status, error, shown
):
    began = datetime(2026, 11, 24, tzinfo=UTC)
    execution = {"status": status, "startDate": began, "stopDate": began, "error": error}
    monkeypatch.setattr(Jobs, "_describe", lambda *_: execution)
    job = _jobs().get("req_1").to_json()
    assert job["error"] == dict(zip(("code", "message"), shown, strict=True))
    assert job["finished_at"] == "2026-11-24T00:00:00.000Z"
