"""`/metrics/realtime`: the last minutes, ten seconds at a time, from the request log."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from functions.shared.errors import HTTP_STATUS
from functions.shared.gateway.reader import Reader
from functions.shared.storage.request_log import RequestLog
from functions.shared.times import stamp
from functions.shared.vocabulary import Count, Frozen, Listing, Stamped, Usd, usd

BUCKET_S, BUCKETS = 10, 30
_SLOWEST = timedelta(minutes=5)
"""A request is found by when it began, and counted when it ended."""


class BucketLatency(Frozen):
    """Milliseconds, of the requests that had a model called; null without any."""

    p50: float | None
    p95: float | None


class Bucket(Frozen):
    """The requests that ended in the seconds from `from` on, `failed` of them as
    `metrics/summary.py` tells `rejected` from `errors`."""

    start: Annotated[Stamped, Field(serialization_alias="from")]
    requests: Count
    failed: Count
    rejected: Count
    errors: Count
    fallbacks: Count
    cost_usd: Usd
    latency_ms: BucketLatency


class Realtime(Listing):
    """Oldest bucket first; the last one is not over yet. The other figures sum them up."""

    data: list[Bucket]

    bucket_seconds: int
    requests: Count
    failed: Count
    rejected: Count
    errors: Count
    fallbacks: Count
    cost_usd: Usd


def realtime(reader: Reader, log: RequestLog, now: datetime) -> Realtime:
    """Raises `ClientError`."""
    newest = int(now.timestamp()) // BUCKET_S * BUCKET_S
    starts = [newest - BUCKET_S * back for back in reversed(range(BUCKETS))]
    rows: dict[int, list[dict[str, Any]]] = defaultdict(list)
    since = datetime.fromtimestamp(starts[0], UTC)
    for row in _rows(reader, log, since - _SLOWEST, now.astimezone(UTC)):
        ended = int(datetime.fromisoformat(row["finished_at"]).timestamp())
        rows[ended // BUCKET_S * BUCKET_S].append(row)
    buckets = [_bucket(start, rows[start]) for start in starts]
    return Realtime(
        bucket_seconds=BUCKET_S,
        data=buckets,
        requests=sum(one.requests for one in buckets),
        failed=sum(one.failed for one in buckets),
        rejected=sum(one.rejected for one in buckets),
        errors=sum(one.errors for one in buckets),
        fallbacks=sum(one.fallbacks for one in buckets),
        cost_usd=sum((one.cost_usd for one in buckets), Decimal(0)),
    )


def _rows(
    reader: Reader, log: RequestLog, first: datetime, last: datetime
) -> Iterator[dict[str, Any]]:
    for partition in reader.partitions(None, first, last):
        after = None
        while True:
            page = log.newest(partition, stamp(first), stamp(last), after=after)
            yield from page.rows
            if (after := page.next_key) is None:
                break


def _bucket(start: int, rows: list[dict[str, Any]]) -> Bucket:
    times = sorted(row["latency_ms"] for row in rows if "model" in row and "latency_ms" in row)
    failed = [row for row in rows if row["status"] != "SUCCEEDED"]
    rejected = sum(map(_is_rejected, failed))
    cuts = statistics.quantiles(times, n=20, method="inclusive") if len(times) > 1 else times * 19
    return Bucket(
        start=datetime.fromtimestamp(start, UTC),
        requests=len(rows),
        failed=len(failed),
        rejected=rejected,
        errors=len(failed) - rejected,
        fallbacks=sum(row.get("fallbacks", 0) for row in rows),
        cost_usd=usd(sum(row.get("cost_nano_usd", 0) for row in rows)),
        latency_ms=BucketLatency(p50=cuts[9] if cuts else None, p95=cuts[18] if cuts else None),
    )


def _is_rejected(failed: dict[str, Any]) -> bool:
    stopped = failed["status"] == "ABORTED"
    return stopped or HTTP_STATUS.get(failed.get("error_code", ""), 500) < 500
