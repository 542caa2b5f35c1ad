import json
from datetime import UTC, datetime, timedelta

import pytest

from functions.api.handler import lambda_handler
from functions.api.job_list import JobsQuery, jobs_page
from functions.shared.errors import InvalidRequest
from functions.shared.storage.job_table import LISTED, EndedJob, JobTable
from functions.shared.times import stamp
from tests.support.gateway_events import OPERATOR_ID, ask

NOW = datetime(2026, 11, 24, 0, 10, tzinfo=UTC)
HALF_A_QUERY = "x" * 390_000
"""As an attribute of a job: a query reads 1 MB, which are two such jobs."""
PAGE = {"data", "next_cursor"}


@pytest.fixture(autouse=True)
def _environment(environment):
    environment(REQUESTS_TABLE="Requests", STATE_TABLE="State", JOBS_STATE_MACHINE_ARN="arn")


def _begun(number, caller_id="key-1", **more):
    """As `statemachine/submit.asl.json` puts it; two jobs at a time, ten seconds apart."""
    at = NOW - timedelta(seconds=10 * (number // 2))
    return {
        "execution_id": f"req_{number:03}", "caller_id": caller_id, "submitted_at": stamp(at),
        "status": "RUNNING", "expires_at": 2_000_000_000, **more,
    }  # fmt: skip


def _ended(number, status="SUCCEEDED", **changes):
    at = NOW - timedelta(seconds=10 * (number // 2))
    told = {
        "execution_id": f"req_{number:03}", "caller_id": "key-1", "submitted_at": stamp(at),
        "status": status, "finished_at": stamp(at + timedelta(seconds=3)),
        "expires_at": 2_000_000_000, "task": "chat", "error_code": None,
    }  # fmt: skip
    return EndedJob(**(told | changes))


def _put(table, items):
    for item in items:
        table.put_item(Item=item)


def _page(caller_id="key-1", **query):
    asked = JobsQuery.model_validate(query)
    return jobs_page(asked, caller_id, JobTable("Jobs"), "/api/v1/jobs", NOW)


def _ids(page):
    return [one.execution_id for one in page.data]


def _pages(**query):
    pages = [_page(**query)]
    while cursor := pages[-1].next_cursor:
        assert len(pages) < 100
        pages.append(_page(**query, cursor=cursor))
    return pages


def test_a_job_that_has_begun_is_listed_with_where_to_ask_for_it(jobs_table):
    _put(jobs_table, [_begun(1)])
    assert _page().model_dump(mode="json") == {
        "data": [
            {
                "execution_id": "req_001",
                "status": "RUNNING",
                "submitted_at": "2026-11-24T00:10:00.000Z",
                "finished_at": None,
                "status_url": "/api/v1/jobs/req_001",
                "task": None,
                "error_code": None,
            }
        ],
        "next_cursor": None,
    }


def test_a_job_that_has_ended_keeps_its_place_and_tells_how(jobs_table):
    _put(jobs_table, [_begun(number) for number in range(6)])
    before = _ids(_page())
    later = stamp(NOW + timedelta(milliseconds=7))
    failed = _ended(3, "FAILED", submitted_at=later, error_code="all_providers_failed")
    JobTable("Jobs").put_end(failed)
    page = _page()
    assert _ids(page) == before
    [shown] = [one for one in page.data if one.execution_id == "req_003"]
    assert (shown.status, shown.error_code, shown.task) == (
        "FAILED", "all_providers_failed", "chat",
    )  # fmt: skip
    assert shown.submitted_at == _begun(3)["submitted_at"] < shown.finished_at


def test_an_end_makes_a_first_write_good_that_never_was(jobs_table):
    JobTable("Jobs").put_end(_ended(1))
    assert [(one.execution_id, one.status) for one in _page().data] == [("req_001", "SUCCEEDED")]
    item = jobs_table.scan()["Items"][0]
    assert item.keys() == {*LISTED, "expires_at"} - {"error_code"}


def test_a_stop_is_listed_until_the_end_is_recorded_and_lists_nothing_itself(jobs_table):
    jobs = JobTable("Jobs")
    jobs.put_aborted("req_001", stamp(NOW), "aborted")
    assert jobs_table.scan()["Items"] == []
    _put(jobs_table, [_begun(1)])
    jobs.put_aborted("req_001", stamp(NOW), "aborted")
    [shown] = _page(status="ABORTED").data
    assert (shown.finished_at, shown.error_code) == (stamp(NOW), "aborted")


@pytest.mark.parametrize("status", [None, "RUNNING", "FAILED", "TIMED_OUT"])
@pytest.mark.parametrize("limit", [1, 3, 10, 100])
def test_every_job_is_on_one_page_and_newest_first(jobs_table, status, limit):
    _put(jobs_table, [_begun(number) for number in range(25)])
    for number in range(0, 25, 4):
        JobTable("Jobs").put_end(_ended(number, "FAILED"))
    pages = _pages(limit=limit, **({"status": status} if status else {}))
    shown = [one for page in pages for one in page.data]
    expected = {
        f"req_{number:03}"
        for number in range(25)
        if status in (None, "RUNNING" if number % 4 else "FAILED")
    }
    assert len(shown) == len(expected)
    assert {one.execution_id for one in shown} == expected
    times = [one.submitted_at for one in shown]
    assert times == sorted(times, reverse=True)
    assert all(len(page.data) == limit for page in pages[:-1])


def test_a_page_of_filtered_jobs_may_be_short_and_goes_on(jobs_table):
    # The index holds no such attribute in truth; here it makes its entries as large as it takes.
    _put(jobs_table, [_begun(number, task=HALF_A_QUERY) for number in range(30)])
    JobTable("Jobs").put_end(_ended(29))
    pages = _pages(status="SUCCEEDED", limit=10)
    assert [_ids(page) for page in pages if page.data] == [["req_029"]]
    assert len(pages) > 1


def test_times_belong_to_the_page_and_may_have_any_offset(jobs_table):
    _put(jobs_table, [_begun(number) for number in range(10)])
    page = _page(**{"from": "2026-11-24T01:09:30+01:00", "to": "2026-11-23T19:09:50-05:00"})
    assert _ids(page) == ["req_003", "req_002", "req_005", "req_004", "req_007", "req_006"]
    assert _ids(_page(**{"from": "2026-11-24T00:10:00.001Z"})) == []
    assert _ids(_page(to="2020-01-01T00:00:00Z")) == []


def test_an_older_job_than_any_row_is_found(jobs_table):
    _put(jobs_table, [_begun(0, submitted_at="2025-01-01T00:00:00.000Z")])
    assert _ids(_page()) == ["req_000"]


def test_a_cursor_shows_nothing_but_the_jobs_of_whoever_brings_it(jobs_table):
    _put(jobs_table, [_begun(number, f"key-{1 + number % 2}") for number in range(10)])
    cursor = _page("key-1", limit=2).next_cursor
    shown = _page("key-2", cursor=cursor)
    assert {number % 2 for number in (int(one[-3:]) for one in _ids(shown))} == {1}
    assert _ids(_page("key-3", cursor=cursor)) == []


@pytest.mark.parametrize("cursor", ["A", "é", "!!!!", "WyJ4IiwgInkiXQ", "e30"])
def test_a_cursor_that_is_not_ours_is_refused(jobs_table, cursor):
    with pytest.raises(InvalidRequest) as caught:
        _page(cursor=cursor)
    assert [one["field"] for one in caught.value.details] == ["cursor"]


def _get(query=None, caller_id="key-1"):
    return ask(
        lambda_handler, "GET", "/v1/jobs", content_type=None, query=query, caller_id=caller_id
    )


def test_a_caller_and_an_operator_each_see_their_own(jobs_table):
    _put(jobs_table, [_begun(1), _begun(2, "key-2"), _begun(3, OPERATOR_ID)])
    for caller_id, own in (("key-1", ["req_001"]), (OPERATOR_ID, ["req_003"]), ("key-4", [])):
        status, body = _get(caller_id=caller_id)
        assert (status, body.keys()) == (200, PAGE)
        assert [one["execution_id"] for one in body["data"]] == own


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"status": "ENDED"}, "status"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-11-24T00:00:00"}, "to"),
        ({"cursor": "A" * 501}, "cursor"),
        ({"caller_id": "key-2"}, "caller_id"),
        ({"state": "FAILED"}, "state"),
    ],
    ids=str,
)
def test_a_parameter_that_is_wrong_or_unknown_is_refused_once_by_its_name(
    jobs_table, query, problem
):
    status, body = _get(query)
    assert (status, body["error"]["code"]) == (400, "invalid_request")
    assert [one["field"] for one in body["error"]["details"]] == [problem]


def test_a_near_miss_of_a_parameter_is_told_what_it_may_mean(jobs_table):
    assert "status" in json.dumps(_get({"state": "FAILED"})[1]["error"]["details"])
