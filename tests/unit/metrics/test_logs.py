import base64
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from pydantic import ValidationError

from functions.metrics.logs import LogsQuery, logs_page
from functions.shared.callers.directory import Directory
from functions.shared.errors import Forbidden, InvalidRequest
from functions.shared.gateway.reader import Reader
from functions.shared.storage.request_log import LISTED
from functions.shared.times import stamp
from functions.shared.vocabulary import in_usd
from tests.support.log_rows import WatchedLog, row, write

NOW = datetime(2026, 11, 24, 0, 10, tzinfo=UTC)
CALLER, OTHER, OPERATOR = (
    Reader("key-1", is_operator=False),
    Reader("key-2", is_operator=False),
    Reader("key-9", is_operator=True),
)
NAMES = Directory({"key-1": "team-a", "key-3": "key-2"})
SHOWN = set(in_usd(dict.fromkeys(LISTED, 0)))
# What compresses no further than to half of it.
HALF_A_QUERY = random.Random(1).randbytes(350_000).hex()
"""As an attribute of a row: a query reads 1 MB, which are two such rows."""


@pytest.fixture
def log(requests_table):
    return WatchedLog(requests_table.name)


def _page(log, reader=CALLER, now=NOW, **query):
    names = NAMES if reader.is_operator else Directory({"key-1": "team-a"})
    return logs_page(LogsQuery.model_validate(query), reader, names, log, now)


def _ids(page):
    return [one.request_id for one in page.data]


def _pages(log, reader=CALLER, **query):
    pages = [_page(log, reader, **query)]
    while cursor := pages[-1].next_cursor:
        assert len(pages) < 1_000
        pages.append(_page(log, reader, cursor=cursor, **query))
    return pages


def _all(log, reader=CALLER, **query):
    return [one for page in _pages(log, reader, **query) for one in page.data]


def _cursor(*position):
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def _numbered(number, **changes):
    """The rows are two seconds apart, three of them at once, and a third is of yesterday."""
    kinds = {
        "caller_id": f"key-{1 + number % 2}",
        "model": ("gpt-4o-mini", "gpt-4o", "claude-haiku-5-5")[number % 3],
        "status": "FAILED" if number % 5 == 0 else "SUCCEEDED",
        "task": "chat" if number % 4 else "code",
    }
    return row(number, NOW - timedelta(seconds=2 * (number // 3 * 3)), **(kinds | changes))


ROWS = [_numbered(number) for number in range(450)]
FILTERS = [
    {},
    {"status": "FAILED"},
    {"model": "gpt-4o"},
    {"model": "gpt-4o", "status": "FAILED", "task": "chat", "provider": "openai"},
    {"model": "no-such-model"},
]


def _expected(rows, reader, query):
    return [
        one
        for one in rows
        if (reader.is_operator or one["caller_id"] == reader.caller_id)
        and all(one[name] == value for name, value in query.items())
    ]


def _assert_each_once(shown, expected):
    assert Counter(one.request_id for one in shown) == Counter(
        one["request_id"] for one in expected
    )
    times = [one.created_at for one in shown]
    assert times == sorted(times, reverse=True)


@pytest.mark.no_cover
def test_every_one_of_hundreds_of_rows_is_on_one_page_and_newest_first(requests_table, log):
    write(requests_table, ROWS)
    _assert_each_once(_all(log, OPERATOR, limit=100), ROWS)
    failed = {"status": "FAILED"}
    _assert_each_once(_all(log, CALLER, limit=90, **failed), _expected(ROWS, CALLER, failed))


@pytest.mark.no_cover
def test_every_row_that_is_not_filtered_out_is_on_one_page(requests_table, log):
    rows = ROWS[250:350]
    assert {one["day"] for one in rows} == {"2026-11-24", "2026-11-23"}
    write(requests_table, rows)
    for reader in (CALLER, OPERATOR):
        for query in FILTERS:
            shown = _all(log, reader, limit=7, **query)
            _assert_each_once(shown, _expected(rows, reader, query))


def test_a_page_is_one_query_however_many_rows_there_are(requests_table, log):
    write(requests_table, ROWS[:250])
    pages = _pages(log, limit=20)
    assert len(log.queries) == len(pages) == 7
    assert {query["index"] for query in log.queries} == {"by_caller"}
    assert max(query["evaluated"] for query in log.queries) == 21
    assert [len(page.data) for page in pages] == [20] * 6 + [5]


def test_a_page_of_exactly_all_rows_is_the_last_one(requests_table, log):
    write(requests_table, [row(number, NOW) for number in range(5)])
    assert [len(page.data) for page in _pages(log, limit=5)] == [5]
    assert [len(page.data) for page in _pages(log, limit=4)] == [4, 1]


def test_rows_of_before_and_after_the_change_of_form_are_told_alike_and_each_once(
    requests_table, log
):
    moments = [NOW - timedelta(milliseconds=number // 4) for number in range(12)]
    rows = [row(number, moment) for number, moment in enumerate(moments)]
    for old in rows[::2]:
        old["created_at"] = old["finished_at"] = old["created_at"].replace("Z", "+00:00")
    write(requests_table, rows)
    stretch = {"from": moments[-1].isoformat(), "to": moments[0].isoformat()}
    for reader in (CALLER, OPERATOR):
        told = _all(log, reader, limit=1, **stretch)
        assert sorted(one.request_id for one in told) == [one["request_id"] for one in rows]
        created_at = [one.created_at for one in told]
        assert created_at == sorted(map(stamp, moments), reverse=True)


def test_an_empty_log_is_one_empty_page(log):
    for reader in (CALLER, OPERATOR):
        page = _page(log, reader)
        assert (page.data, page.next_cursor) == ([], None)


def test_an_operators_page_goes_on_beyond_midnight(requests_table, log):
    midnight = NOW.replace(minute=0)
    moments = [midnight + timedelta(milliseconds=ms) for ms in (1, 0, -1, -2)]
    write(requests_table, [row(number, at) for number, at in enumerate(moments)])
    for limit in (1, 2, 3, 100):
        shown = [one.request_id for one in _all(log, OPERATOR, limit=limit)]
        assert shown == [f"req_{number:05}" for number in range(4)]


def test_rows_of_one_moment_are_told_apart(requests_table, log):
    write(requests_table, [row(number, NOW) for number in range(50)])
    for reader in (CALLER, OPERATOR):
        shown = [one.request_id for one in _all(log, reader, limit=3)]
        assert sorted(shown) == [f"req_{number:05}" for number in range(50)]


def test_a_filtered_page_ends_after_five_queries_that_read_something(requests_table, log):
    rows = [
        row(number, NOW - timedelta(seconds=number), pad=HALF_A_QUERY, status=status)
        for number, status in enumerate(["SUCCEEDED"] * 25 + ["FAILED"])
    ]
    write(requests_table, rows)
    first = _page(log, status="FAILED")
    assert (first.data, log.reading) == ([], 5)
    assert first.next_cursor
    assert [one.request_id for one in _all(log, status="FAILED")] == ["req_00025"]


def test_an_operators_filtered_page_ends_after_five_days_that_had_rows(requests_table, log):
    rows = [row(number, NOW - timedelta(days=number)) for number in range(20)]
    write(requests_table, [*rows, row(20, NOW - timedelta(days=20), status="FAILED")])
    pages = []
    cursor = {}
    while True:
        log.queries.clear()
        pages.append(_page(log, OPERATOR, status="FAILED", **cursor))
        assert log.reading <= 5
        if pages[-1].next_cursor is None:
            break
        cursor = {"cursor": pages[-1].next_cursor}
    assert [_ids(page) for page in pages] == [[], [], [], [], ["req_00020"]]


def test_days_without_rows_do_not_end_a_page(requests_table, log):
    write(requests_table, [row(1, NOW - timedelta(days=30))])
    for query in ({}, {"status": "SUCCEEDED"}):
        assert _ids(_page(log, OPERATOR, **query)) == ["req_00001"]


def test_from_and_to_are_a_part_of_what_they_bound(requests_table, log):
    moments = [NOW - timedelta(minutes=minutes) for minutes in range(60)]
    write(requests_table, [row(number, at) for number, at in enumerate(moments)])
    for reader in (CALLER, OPERATOR):
        query = {"from": moments[40].isoformat(), "to": moments[5].isoformat(), "limit": 10}
        shown = [one.request_id for one in _all(log, reader, **query)]
        assert shown == [f"req_{number:05}" for number in range(5, 41)]
        abroad = moments[40].astimezone().isoformat()
        assert len(_all(log, reader, **query | {"from": abroad})) == 36


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-11-23T12:00:00Z", "to": "2026-11-23T11:00:00Z"},
        {"from": "2026-11-23T12:00:00Z", "to": "2026-11-20T11:00:00Z"},
        {"from": "2030-01-01T00:00:00Z"},
        {"to": "2020-01-01T00:00:00Z"},
    ],
)
def test_a_stretch_of_time_without_any_time_in_it_is_empty(requests_table, log, query):
    write(requests_table, ROWS[:20])
    for reader in (CALLER, OPERATOR):
        page = _page(log, reader, **query)
        assert (page.data, page.next_cursor) == ([], None)


def test_rows_older_than_a_month_are_not_listed(requests_table, log):
    write(requests_table, [row(1, NOW - timedelta(days=31)), row(2, NOW - timedelta(days=32))])
    for reader in (CALLER, OPERATOR):
        assert _ids(_page(log, reader, **{"from": "2020-01-01T00:00:00Z"})) == ["req_00001"]


def test_a_cursor_that_a_new_to_has_moved_behind_begins_at_that(requests_table, log):
    moments = [NOW - timedelta(minutes=minutes) for minutes in range(10)]
    write(requests_table, [row(number, at) for number, at in enumerate(moments)])
    for reader in (CALLER, OPERATOR):
        cursor = _page(log, reader, limit=2).next_cursor
        page = _page(log, reader, cursor=cursor, to=moments[6].isoformat())
        assert _ids(page) == [f"req_{number:05}" for number in range(6, 10)]
        gone = _page(log, reader, cursor=cursor, **{"from": moments[0].isoformat()})
        assert (gone.data, gone.next_cursor) == ([], None)


def test_a_key_sees_its_own_rows_alone_whatever_cursor_it_brings(requests_table, log):
    write(requests_table, ROWS[:100])
    for cursor in (_page(log, limit=5).next_cursor, _page(log, OPERATOR, limit=5).next_cursor):
        page = _page(log, OTHER, cursor=cursor, limit=100)
        assert {one.caller_id for one in page.data} == {"key-2"}
        assert len(page.data) >= 45


def test_a_row_says_what_its_caller_is_called_and_an_operator_asks_for_it_by_that(
    requests_table, log
):
    write(requests_table, ROWS[:20])
    assert {one.caller for one in _all(log, CALLER)} == {"team-a"}
    assert {(one.caller_id, one.caller) for one in _all(log, OPERATOR)} == {
        ("key-1", "team-a"),
        ("key-2", "key-2"),
    }
    assert _all(log, OPERATOR, caller="team-a") == _all(log, OPERATOR, caller_id="key-1")
    assert _all(log, CALLER, caller="team-a") == _all(log, CALLER)
    assert _page(log, OPERATOR, caller="nobody").data == []
    # The name of another one, which has made nothing, goes before an id.
    assert _page(log, OPERATOR, caller="key-2").data == []
    assert _page(log, OPERATOR, caller_id="key-2").data != []
    with pytest.raises(Forbidden):
        _page(log, OTHER, caller="team-b")


def test_a_caller_is_asked_for_by_its_name_or_by_its_id():
    with pytest.raises(ValidationError, match="either by caller or by caller_id"):
        LogsQuery.model_validate({"caller": "team-a", "caller_id": "key-1"})


def test_an_operator_can_ask_for_one_key_and_others_only_for_their_own(requests_table, log):
    write(requests_table, ROWS[:100])
    assert {one.caller_id for one in _all(log, OPERATOR, caller_id="key-2")} == {"key-2"}
    assert _page(log, OPERATOR, caller_id="key-none").data == []
    assert _all(log, CALLER, caller_id="key-1") == _all(log, CALLER)
    for key in ("key-2", "key-none"):
        with pytest.raises(Forbidden):
            _page(log, CALLER, caller_id=key, **{"from": "2030-01-01T00:00:00Z"})


STAMP = "2026-11-24T00:00:00.000Z"
CURSORS = {
    "empty list": _cursor(),
    "nothing of base64": "%%%",
    "not ASCII": "é" * 8,
    "one letter": "A",
    "not JSON": base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    "not a list": base64.urlsafe_b64encode(b'{"created_at": 1}').decode(),
    "no time": _cursor("yesterday", "req_1"),
    "no such day": _cursor("2026-13-45T00:00:00.000Z", "req_1"),
    "no such hour": _cursor("2026-11-24T25:00:00.000Z", "req_1"),
    "another zone": _cursor("2026-11-24T00:00:00.000+02:00", "req_1"),
    "digits of another script": _cursor(STAMP.replace("2", "٢"), "req_1"),
    "another table's key": _cursor(STAMP, "health#openai"),
    "a number": _cursor(STAMP, 7),
    "too much": _cursor(STAMP, "req_1", "key-2"),
    "nested": _cursor(STAMP, ["req_1"]),
    "long": _cursor(STAMP, "req_" + "a" * 200),
}


@pytest.mark.parametrize("name", CURSORS)
def test_a_cursor_that_is_not_ours_is_refused(log, name):
    for reader in (CALLER, OPERATOR):
        with pytest.raises(InvalidRequest) as caught:
            _page(log, reader, cursor=CURSORS[name])
        assert [one["field"] for one in caught.value.details] == ["cursor"]
    assert log.queries == []


@pytest.mark.parametrize(
    ("created_at", "shown"),
    [
        ("0001-01-01T00:00:00.000Z", 0),
        ("2020-01-01T00:00:00.000Z", 0),
        ("2026-11-23T23:59:00.000Z", 4),
        ("2999-12-31T23:59:59.999Z", 20),
    ],
)
def test_an_invented_cursor_shows_nothing_but_what_is_there(requests_table, log, created_at, shown):
    rows = [row(number, NOW - timedelta(minutes=number // 2 * 1.5)) for number in range(20)]
    write(requests_table, rows)
    for reader in (CALLER, OPERATOR):
        page = _page(log, reader, cursor=_cursor(created_at, "req_00015"))
        assert len(page.data) == shown


def test_every_cursor_is_taken_back(requests_table, log):
    write(requests_table, ROWS[:60])
    for before, after in pairwise(_pages(log, OPERATOR, limit=10)):
        assert len(before.next_cursor) < 200
        assert before.data[-1].created_at >= after.data[0].created_at


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *(({"limit": limit}, "limit") for limit in ("0", "1001", "abc", "-1", "1.5", "")),
        ({"status": "RUNNING"}, "status"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-11-24T00:00:00"}, "to"),
        ({"from": "9999-12-31T23:59:59-12:00"}, "from"),
        ({"to": "0001-01-01T00:00:00+12:00"}, "to"),
        ({"cursor": "A" * 501}, "cursor"),
        ({"caller": ""}, "caller"),
        ({"caller_id": ""}, "caller_id"),
        ({"caller_id": "k" * 129}, "caller_id"),
    ],
    ids=str,
)
def test_a_parameter_out_of_range_is_refused_by_its_name(query, field):
    with pytest.raises(ValidationError) as caught:
        LogsQuery.model_validate(query)
    assert [one["loc"][0] for one in caught.value.errors()] == [field]


@pytest.mark.parametrize("limit", ["1", "100"])
def test_a_limit_is_one_to_a_hundred(limit):
    assert LogsQuery.model_validate({"limit": limit}).limit == int(limit)


def test_a_row_of_a_request_that_ended_early_is_null_where_it_has_nothing(requests_table, log):
    optional = ("task", "model_preference", "model", "provider", "mock", "savings_nano_usd")
    absent = (*optional, "input_tokens", "output_tokens")
    write(requests_table, [row(1, NOW, status="FAILED", **dict.fromkeys(absent))])
    [shown] = _page(log).model_dump(mode="json")["data"]
    assert shown.keys() == SHOWN | {"caller", "cached"}
    never_there = ("possibly_billed_nano_usd", "simulated_cost_nano_usd")
    nulls = {
        *in_usd(dict.fromkeys((*absent, *never_there), 0)),
        "error_code",
        "trace_id",
        "feedback",
    }
    assert {name for name, value in shown.items() if value is None} == nulls
    assert _ids(_page(log, model="gpt-4o-mini")) == []


def test_what_is_shown_is_what_was_recorded_and_nothing_of_its_details(requests_table, log):
    details = {"attempts": [{"message": "secret"}], "prompt": "secret", "decision": {}}
    feedback = {"score": 0.35, "created_at": "2026-11-24T00:00:00Z"}
    recorded = row(1, NOW, trace_id="1-abc", feedback=feedback, cost_nano_usd=1, **details)
    write(requests_table, [recorded])
    [shown] = _page(log).model_dump(mode="json")["data"]
    printed = in_usd(recorded)
    of_its_own = {"caller": "team-a", "cached": False}
    assert shown == {name: printed.get(name) for name in SHOWN} | of_its_own


def test_only_an_answered_request_without_a_time_of_its_own_was_a_kept_answer(requests_table, log):
    write(
        requests_table,
        [row(1, NOW, latency_ms=None), row(2, NOW, status="FAILED", latency_ms=None)],
    )
    shown = _page(log).model_dump(mode="json")["data"]
    assert {one["request_id"][-1]: one["cached"] for one in shown} == {"1": True, "2": False}
