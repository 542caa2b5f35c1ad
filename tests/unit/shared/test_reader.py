import json
import time
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from functions.api.handler import lambda_handler as api
from functions.metrics.handler import lambda_handler as metrics
from functions.shared.caller import Caller
from functions.shared.errors import HTTP_STATUS
from functions.shared.money.caller_spend import spend_changes
from functions.shared.storage.clients import client
from functions.shared.storage.state_table import StateTable
from functions.shared.times import stamp
from tests.support.gateway_events import OPERATOR_ID, ask
from tests.support.log_rows import row, write

OWNER, OTHER, OPERATOR = "key-1", "key-2", OPERATOR_ID
REQUEST, JOB = "req_00001", "req_job"
DEFINITION = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}
GRADE = json.dumps({"thumbs": "up"})


@pytest.fixture
def made(environment, requests_table, state_table):
    """What the owner has made: an answered request, a job that runs, and what they cost."""
    machines = boto3.client("stepfunctions")
    arn = machines.create_state_machine(
        name="jobs", definition=json.dumps(DEFINITION), roleArn="arn:aws:iam::123456789012:role/m"
    )["stateMachineArn"]
    body = json.dumps({"request": {"text": "x"}, "caller_id": OWNER})
    machines.start_execution(stateMachineArn=arn, name=JOB, input=body)
    environment(REQUESTS_TABLE="Requests", STATE_TABLE="State")
    environment(JOBS_STATE_MACHINE_ARN=arn, POWERTOOLS_SERVICE_NAME="test")
    now = datetime.now(UTC)
    write(requests_table, [row(1, now, caller_id=OWNER)])
    spent = {"caller_id": OWNER, "cost_nano_usd": 1_000_000_000, "finished_at": stamp(now)}
    for change in spend_changes(spent):
        StateTable("State").add(change)


def _status_of(path, caller_id, method="GET", body=None, query=None):
    handler = metrics if path.startswith("/v1/metrics") else api
    status, told = ask(handler, method, path, body, caller_id=caller_id, query=query)
    if status != 200:
        assert status == HTTP_STATUS[told["error"]["code"]]
    return status, told


OF_ONE: dict[str, tuple[str, dict[str, Any]]] = {
    "the request": (f"/v1/requests/{REQUEST}", {}),
    "its grade": (f"/v1/requests/{REQUEST}/feedback", {"method": "POST", "body": GRADE}),
    "the job": (f"/v1/jobs/{JOB}", {}),
    "the job's end": (f"/v1/jobs/{JOB}", {"method": "DELETE"}),
    "the key's log": ("/v1/metrics/logs", {"query": {"caller_id": OWNER}}),
}
SEEN_BY = {
    "the request": {OWNER: 200, OPERATOR: 200, OTHER: 404},
    "its grade": {OWNER: 200, OPERATOR: 403, OTHER: 404},
    "the job": {OWNER: 200, OPERATOR: 200, OTHER: 404},
    "the job's end": {OWNER: 200, OPERATOR: 200, OTHER: 404},
    "the key's log": {OWNER: 200, OPERATOR: 200, OTHER: 403},
}


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("reader", [OWNER, OPERATOR, OTHER])
@pytest.mark.parametrize("name", OF_ONE)
def test_what_one_key_made_is_its_own_an_operators_and_nobody_elses(name, reader):
    path, options = OF_ONE[name]
    status, told = _status_of(path, reader, **options)
    assert status == SEEN_BY[name][reader], told


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(("reader", "sees"), [(OWNER, 1), (OPERATOR, 1), (OTHER, 0)])
def test_what_lists_or_sums_up_has_no_more_in_it_than_its_reader_may_see(reader, sees):
    logs = _status_of("/v1/metrics/logs", reader)[1]
    assert len(logs["data"]) == sees
    assert logs["reader"] == {"caller_id": reader, "is_operator": reader == OPERATOR}
    assert _status_of("/v1/metrics/realtime", reader)[1]["requests"] == sees


@pytest.mark.usefixtures("made")
def test_a_grade_that_an_operator_may_not_give_changes_nothing():
    _status_of(f"/v1/requests/{REQUEST}/feedback", OPERATOR, method="POST", body=GRADE)
    assert "feedback" not in _status_of(f"/v1/requests/{REQUEST}", OWNER)[1]


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(("reader", "cause"), [(OWNER, "By caller"), (OPERATOR, "By operator")])
def test_a_stopped_job_keeps_who_stopped_it(monkeypatch, reader, cause):
    kept = []
    monkeypatch.setattr(client("stepfunctions"), "stop_execution", lambda **call: kept.append(call))
    _status_of(f"/v1/jobs/{JOB}", reader, method="DELETE")
    assert [call["cause"] for call in kept] == [cause]


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("plan", "ends_in_s", "status"),
    [("standard", 60, 200), ("standard", -1, 403), ("operator", -1, 403), ("operator", None, 200)],
)
def test_a_verdict_that_is_kept_longer_than_its_caller_may_come_in_ends_in_time(
    plan, ends_in_s, status
):
    ends = None if ends_in_s is None else int(time.time()) + ends_in_s
    caller = Caller(plan=plan, expires_at_s=ends)
    for path in (f"/v1/requests/{REQUEST}", "/v1/metrics/logs"):
        handler = metrics if path.startswith("/v1/metrics") else api
        assert ask(handler, "GET", path, caller_id=OWNER, caller=caller)[0] == status
