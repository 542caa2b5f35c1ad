import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from functions.metrics.realtime import realtime
from functions.shared.gateway.reader import Reader
from tests.support.log_rows import WatchedLog, row, write

NOW = datetime(2026, 11, 24, 0, 2, 7, tzinfo=UTC)
LAST, FIRST = (
    datetime(2026, 11, 24, 0, 2, tzinfo=UTC),
    datetime(2026, 11, 23, 23, 57, 10, tzinfo=UTC),
)
CALLER, OPERATOR = Reader("key-1", is_operator=False), Reader("key-9", is_operator=True)


@pytest.fixture
def log(requests_table):
    return WatchedLog(requests_table.name)


def _ended(number, at, *, took_s=1, **changes):
    finished_at = at.isoformat(timespec="milliseconds")
    return row(number, at - timedelta(seconds=took_s), finished_at=finished_at, **changes)


def test_without_requests_there_are_thirty_buckets_of_nothing(log):
    for reader in (CALLER, OPERATOR):
        told = realtime(reader, log, NOW).model_dump(mode="json", by_alias=True)
        buckets = told.pop("data")
        counts = ("requests", "failed", "rejected", "errors", "fallbacks", "cost_usd")
        nothing = dict.fromkeys(counts, 0)
        assert told == {"bucket_seconds": 10, "next_cursor": None, **nothing}
        assert len(buckets) == 30
        assert (buckets[0]["from"], buckets[-1]["from"]) == (
            "2026-11-23T23:57:10.000Z",
            "2026-11-24T00:02:00.000Z",
        )
        assert all(
            one == {"from": one["from"], **nothing, "latency_ms": {"p50": None, "p95": None}}
            for one in buckets
        )


def test_a_request_counts_in_the_bucket_in_which_it_ended(requests_table, log):
    millisecond = timedelta(milliseconds=1)
    write(
        requests_table,
        [
            _ended(1, FIRST - millisecond),
            _ended(2, FIRST, took_s=299),
            _ended(3, LAST - millisecond, took_s=200),
            _ended(4, LAST),
            _ended(5, NOW),
        ],
    )
    for reader in (CALLER, OPERATOR):
        buckets = realtime(reader, log, NOW).data
        assert {one.start: one.requests for one in buckets if one.requests} == {
            FIRST: 1,
            LAST - timedelta(seconds=10): 1,
            LAST: 2,
        }


def test_buckets_and_totals_add_up_exactly(requests_table, log):
    write(
        requests_table,
        [
            _ended(1, LAST, cost_nano_usd=100_000_000, latency_ms=100),
            _ended(2, LAST, cost_nano_usd=200_000_000, latency_ms=300, fallbacks=2),
            _ended(3, LAST, cost_nano_usd=0, latency_ms=5, status="FAILED", model=None),
            _ended(4, FIRST, cost_nano_usd=1, latency_ms=700, status="FAILED", fallbacks=1),
        ],
    )
    told = realtime(CALLER, log, NOW)
    assert (told.requests, told.failed, told.fallbacks) == (4, 2, 3)
    assert told.cost_usd == Decimal("0.300000001")
    last, first = told.data[-1], told.data[0]
    assert (last.requests, last.failed, last.fallbacks) == (3, 1, 2)
    assert last.cost_usd == Decimal("0.3")
    # A request that had no model called does not make the others look quick.
    assert (last.latency_ms.p50, last.latency_ms.p95) == (200, 290)
    assert (first.latency_ms.p50, first.latency_ms.p95) == (700, 700)


@pytest.mark.parametrize(
    ("status", "error_code", "told"),
    [
        ("FAILED", "no_eligible_model", "rejected"),
        ("FAILED", "rate_limited", "rejected"),
        ("ABORTED", "aborted", "rejected"),
        ("ABORTED", None, "rejected"),
        ("FAILED", "all_providers_failed", "errors"),
        ("TIMED_OUT", "deadline_exceeded", "errors"),
        ("TIMED_OUT", None, "errors"),
        ("FAILED", "a_code_of_another_version", "errors"),
    ],
)
def test_what_a_caller_brought_about_is_told_from_errors(
    requests_table, log, status, error_code, told
):
    write(requests_table, [_ended(1, LAST, status=status, error_code=error_code), _ended(2, LAST)])
    seen = realtime(CALLER, log, NOW)
    for one in (seen, seen.data[-1]):
        assert (one.requests, one.failed) == (2, 1)
        assert {"rejected": one.rejected, "errors": one.errors} == {
            "rejected": 0, "errors": 0, told: 1,
        }  # fmt: skip


def test_a_key_sees_its_own_requests_and_an_operator_all(requests_table, log):
    write(requests_table, [_ended(1, LAST), _ended(2, LAST, caller_id="key-2"), _ended(3, FIRST)])
    assert realtime(CALLER, log, NOW).requests == 2
    assert realtime(OPERATOR, log, NOW).requests == 3


def test_more_rows_than_a_query_reads_are_all_counted(requests_table, log):
    half = random.Random(1).randbytes(350_000).hex()  # compresses to half of it
    write(requests_table, [_ended(number, LAST, pad=half) for number in range(7)])
    assert realtime(CALLER, log, NOW).requests == 7
    assert log.reading == 4
