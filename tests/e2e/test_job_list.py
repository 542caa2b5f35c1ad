"""A caller's own jobs, listed from the moment they are accepted."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from tests.support.api_calls import assert_error, call, ended_job, eventually, get, post

pytestmark = pytest.mark.xdist_group("local")

PINNED = {"task": "chat", "text": "Hello", "model": "gpt-4o", "fallback": False}
FIELDS = {
    "execution_id", "status", "submitted_at", "finished_at", "status_url", "task", "error_code",
}  # fmt: skip


@pytest.fixture
def key(stack):
    """Of a caller that has no jobs yet."""
    return stack.new_caller(f"jobs-{uuid.uuid4().hex[:8]}")[1]


def _start(stack, key, **changes):
    return post(stack, "/jobs", PINNED | changes, key=key).json()["execution_id"]


def _listed(stack, key, **query):
    answer = get(stack, "/jobs", key=key, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"data", "next_cursor"}
    return answer.json()["data"]


def _statuses(stack, key, **query):
    return {one["execution_id"]: one["status"] for one in _listed(stack, key, **query)}


def test_a_job_is_listed_while_it_runs_and_once_it_is_stopped(stack, key):
    # A throttled last candidate is waited for, which keeps the job running. What is called just then is
    # waited for until its time is over.
    with stack.faults({"gpt-4o": "ProviderThrottled"}):
        job = _start(stack, key, max_latency_ms=10_000)
        [running] = _listed(stack, key, status="RUNNING")
        stopped = call(stack, "DELETE", f"/jobs/{job}", key=key).json()
    assert (running["execution_id"], running["finished_at"]) == (job, None)
    assert running["status_url"].endswith(f"/v1/jobs/{job}")
    [aborted] = _listed(stack, key)
    assert aborted == running | {
        "status": "ABORTED",
        "finished_at": stopped["finished_at"],
        "error_code": "aborted",
    }
    assert _statuses(stack, key, status="RUNNING") == {}
    assert eventually(lambda: _listed(stack, key)[0]["task"]) == "chat"
    assert _statuses(stack, key) == {job: "ABORTED"}


def test_a_job_that_has_ended_is_listed_as_its_own_path_tells_it(stack, key):
    with stack.faults({"gpt-4o": "ContentFiltered"}):
        failed = _start(stack, key)
        ended_job(stack, failed, key=key)
    answered = _start(stack, key)
    told = [ended_job(stack, one, key=key) for one in (answered, failed)]
    listed = _listed(stack, key)
    assert {one.keys() == FIELDS for one in listed} == {True}
    assert [(one["execution_id"], one["status"]) for one in listed] == [
        (answered, "SUCCEEDED"),
        (failed, "FAILED"),
    ]
    assert [one["error_code"] for one in listed] == [None, told[1]["error"]["code"]]
    for entry, job in zip(listed, told, strict=True):
        assert entry["task"] == "chat"
        for moment in ("submitted_at", "finished_at"):
            apart = datetime.fromisoformat(entry[moment]) - datetime.fromisoformat(job[moment])
            assert abs(apart) < timedelta(seconds=30)
        assert entry["submitted_at"] <= entry["finished_at"]
    assert _statuses(stack, key, status="FAILED") == {failed: "FAILED"}


def test_every_job_is_on_one_page_and_no_other_caller_sees_it(stack, key):
    with ThreadPoolExecutor(8) as pool:
        started = set(pool.map(lambda _: _start(stack, key), range(25)))
    pages = [get(stack, "/jobs", key=key, params={"limit": 10}).json()]
    while cursor := pages[-1]["next_cursor"]:
        foreign = get(stack, "/jobs", key=stack.operator_api_key, params={"cursor": cursor}).json()
        assert not started & {one["execution_id"] for one in foreign["data"]}
        more = {"limit": 10, "cursor": cursor}
        pages.append(get(stack, "/jobs", key=key, params=more).json())
    assert [len(page["data"]) for page in pages] == [10, 10, 5]
    listed = [one for page in pages for one in page["data"]]
    assert {one["execution_id"] for one in listed} == started
    times = [one["submitted_at"] for one in listed]
    assert times == sorted(times, reverse=True)

    middle = times[12]
    since = _listed(stack, key, limit=100, **{"from": middle})
    before = _listed(stack, key, limit=100, to=middle)
    assert [one["submitted_at"] for one in since] == [one for one in times if one >= middle]
    assert [one["submitted_at"] for one in before] == [one for one in times if one <= middle]
    assert eventually(lambda: len(_listed(stack, key, limit=25, status="SUCCEEDED")) == 25)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "1001"}, "limit"),
        ({"status": "DONE"}, "status"),
        ({"from": "today"}, "from"),
        ({"cursor": "x"}, "cursor"),
        ({"caller": "team-a"}, "caller"),
    ],
    ids=str,
)
def test_a_wrong_or_unknown_parameter_is_refused_by_its_name(stack, query, field):
    error = assert_error(get(stack, "/jobs", params=query), "invalid_request")
    assert [one["field"] for one in error["details"]] == [field]


def test_a_list_needs_a_key(stack):
    assert_error(get(stack, "/jobs", key="wrong"), "unauthorized")
