"""`/metrics/realtime`: the last minutes in steps of seconds, from the request log."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from functions.metrics.logs import Reader
from functions.shared.contracts import Frozen, Usd
from functions.shared.pricing import Count
from functions.shared.stores import RequestLog

STEP_S, STEPS = 10, 30
_SLOWEST = timedelta(minutes=5)
"""A request is found by when it began, and counted when it ended."""


class Step(Frozen):
    """`latency_ms` of the requests that had a model called; null without any."""

    start: datetime
    requests: Count
    failed: Count
    fallbacks: Count
    cost_usd: Usd
    p50_ms: float | None
    p95_ms: float | None


class Realtime(Frozen):
    """The requests that ended in each step, oldest step first; the last one is not over yet."""

    step_seconds: int
    steps: list[Step]
    requests: Count
    failed: Count
    fallbacks: Count
    cost_usd: Usd


def realtime(reader: Reader, log: RequestLog, now: datetime) -> Realtime:
    """Raises `ClientError`."""
    newest = int(now.timestamp()) // STEP_S * STEP_S
    starts = [newest - STEP_S * back for back in reversed(range(STEPS))]
    rows: dict[int, list[dict[str, Any]]] = defaultdict(list)
    since = datetime.fromtimestamp(starts[0], UTC)
    for row in _rows(reader, log, since - _SLOWEST, now.astimezone(UTC)):
        ended = int(datetime.fromisoformat(row["finished_at"]).timestamp())
        rows[ended // STEP_S * STEP_S].append(row)
    steps = [_step(start, rows[start]) for start in starts]
    return Realtime(
        step_seconds=STEP_S,
        steps=steps,
        requests=sum(step.requests for step in steps),
        failed=sum(step.failed for step in steps),
        fallbacks=sum(step.fallbacks for step in steps),
        cost_usd=sum((step.cost_usd for step in steps), Decimal(0)),
    )


def _rows(
    reader: Reader, log: RequestLog, first: datetime, last: datetime
) -> Iterator[dict[str, Any]]:
    between = [at.isoformat(timespec="milliseconds") for at in (first, last)]
    for partition in reader.partitions(None, first, last):
        after = None
        while True:
            page = log.newest(partition, *between, after=after)
            yield from page.rows
            if (after := page.next_key) is None:
                break


def _step(start: int, rows: list[dict[str, Any]]) -> Step:
    times = sorted(row["latency_ms"] for row in rows if "model" in row)
    cuts = statistics.quantiles(times, n=20, method="inclusive") if len(times) > 1 else times * 19
    return Step(
        start=datetime.fromtimestamp(start, UTC),
        requests=len(rows),
        failed=sum(row["status"] == "FAILED" for row in rows),
        fallbacks=sum(row["fallbacks"] for row in rows),
        cost_usd=sum((Decimal(str(row["cost_usd"])) for row in rows), Decimal(0)),
        p50_ms=cuts[9] if cuts else None,
        p95_ms=cuts[18] if cuts else None,
    )
