"""Who may see what a key has made: that key, an operator's, and nobody else."""

import pytest

from functions.shared.errors import HTTP_STATUS
from tests.support.api_calls import call, ended_job, get, post

pytestmark = pytest.mark.xdist_group("local")

OWNER, OTHER, OPERATOR = "api_key", "other_api_key", "operator_api_key"
READERS = (OWNER, OTHER, OPERATOR)
NOT_FOUND, FORBIDDEN = "not_found", "forbidden"
PATHS = {
    "GET /requests/{id}": {OTHER: NOT_FOUND},
    "GET /jobs/{id}": {OTHER: NOT_FOUND},
    "DELETE /jobs/{id}": {OTHER: NOT_FOUND},
    "POST /requests/{id}/feedback": {OTHER: NOT_FOUND, OPERATOR: FORBIDDEN},
    "GET /metrics/logs?caller_id={caller_id}": {OTHER: FORBIDDEN},
}
"""By path what it answers a reader instead of 200."""


@pytest.fixture(scope="module")
def row(stack):
    """The audit record of a job of the owner's; another key and an operator's have made one, too."""
    for key in (stack.other_api_key, stack.operator_api_key, stack.api_key):
        job = post(stack, "/jobs", {"task": "chat", "text": "Hello"}, key=key).json()
        body = call(stack, "GET", f"/jobs/{job['execution_id']}", key=key).json()
        assert body["status"] in {"RUNNING", "SUCCEEDED"}
    ended_job(stack, job["execution_id"])
    return get(stack, f"/requests/{job['execution_id']}").json()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("named", PATHS)
def test_what_one_key_made_is_its_own_an_operators_and_nobody_elses(stack, row, named, reader):
    method, path = named.split()
    told = path.format(id=row["request_id"], caller_id=row["caller_id"])
    body = {"thumbs": "up"} if method == "POST" else None
    response = call(stack, method, told, body, key=getattr(stack, reader))
    refused = PATHS[named].get(reader)
    assert response.status_code == (HTTP_STATUS[refused] if refused else 200), response.text
    if refused:
        assert response.json()["error"]["code"] == refused


def test_a_list_has_what_its_reader_may_see(stack, row):
    seen = {}
    for reader in READERS:
        page = get(stack, "/metrics/logs", key=getattr(stack, reader), params={"limit": 1000})
        told = page.json()
        seen[reader] = {one["caller_id"] for one in told["data"]}
        assert told["reader"]["is_operator"] == (reader == OPERATOR)
        if reader != OPERATOR:
            assert seen[reader] == {told["reader"]["caller_id"]}
    assert seen[OWNER] == {row["caller_id"]}
    assert seen[OPERATOR] > seen[OWNER] | seen[OTHER]


def test_an_operator_follows_a_request_from_the_log_to_its_record(stack, row):
    key = stack.operator_api_key
    asked = {"caller_id": row["caller_id"], "limit": 100}
    logs = get(stack, "/metrics/logs", key=key, params=asked).json()["data"]
    assert row["request_id"] in {one["request_id"] for one in logs}
    assert get(stack, f"/requests/{logs[0]['request_id']}", key=key).status_code == 200


def test_a_list_of_jobs_has_the_readers_own_and_an_operators_no_more(stack, row):
    listed = {
        reader: {
            one["execution_id"]
            for one in get(stack, "/jobs?limit=1000", key=getattr(stack, reader)).json()["data"]
        }
        for reader in READERS
    }
    assert row["request_id"] in listed[OWNER]
    assert all(listed.values())
    assert not listed[OWNER] & (listed[OTHER] | listed[OPERATOR])
