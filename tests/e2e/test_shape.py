import re

import pytest

from tests.support.api_calls import ended_job, get, post

LIKE_A_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LISTS = ("/models", "/metrics/logs", "/metrics/providers", "/metrics/realtime", "/admin/callers")


@pytest.fixture(scope="module")
def answers(stack):
    """Of every path that reads, as an operator sees it."""
    body = {"text": "Hello", "task": "chat", "explain": True}
    answer = post(stack, "/generate", body).json()
    job = post(stack, "/jobs", body).json()
    ended_job(stack, job["execution_id"], 60)
    post(stack, f"/requests/{answer['request_id']}/feedback", {"thumbs": "up"})
    model = answer["routing"]["selected_model"]
    (caller, *_) = get(stack, "/admin/callers", key=stack.operator_api_key).json()["data"]
    of_caller = f"/admin/callers/{caller['caller_id']}"
    paths = (
        *LISTS, f"/jobs/{job['execution_id']}", f"/requests/{answer['request_id']}",
        f"/models/{model}", "/metrics/summary", "/metrics/costs", f"/metrics/models/{model}",
        of_caller, f"{of_caller}/spend",
    )  # fmt: skip
    told = {path: get(stack, path, key=stack.operator_api_key) for path in paths}
    assert {path: one.status_code for path, one in told.items()} == dict.fromkeys(paths, 200)
    return {path: one.json() for path, one in told.items()} | {"/generate": answer}


def test_every_list_has_one_envelope(answers):
    for path in LISTS:
        assert isinstance(answers[path]["data"], list), path
        assert isinstance(answers[path]["next_cursor"], str | None), path
        others = [value for name, value in answers[path].items() if name != "data"]
        assert not [one for one in others if isinstance(one, list)], path


def _texts(value):
    if isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value


def test_every_time_has_one_form(answers):
    times = {
        path: [one for one in _texts(told) if LIKE_A_TIME.match(one)]
        for path, told in answers.items()
    }
    assert sum(map(len, times.values())) > 50
    for path, found in times.items():
        assert all(map(TIME.fullmatch, found)), path


def test_a_job_and_its_row_tell_the_same_moment(stack, answers):
    (job,) = (told for path, told in answers.items() if path.startswith("/jobs/"))
    row = get(stack, f"/requests/{job['execution_id']}").json()
    assert job["submitted_at"] == row["created_at"]
