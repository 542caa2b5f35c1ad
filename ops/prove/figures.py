"""Metrics over long windows, and how long cold starts take."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.prove.check import Finding, cannot_tell, held, judged
from ops.prove.probe import Probe

WINDOWS = ("15m", "1h", "24h", "7d", "30d")
_STARTING = ("Init", "Initialization", "Restore")
_MOST_TRACES = 100
_TRACES_A_CALL = 5


def every_window_is_answered(probe: Probe) -> Finding:
    probe.generate(probe.question)
    answers = {one: probe.send("GET", f"/v1/metrics/summary?window={one}") for one in WINDOWS}
    refused = [f"{one}: {it.status_code}" for one, it in answers.items() if it.status_code != 200]
    if refused:
        return judged(refused, "")
    totals = [it.json()["requests"]["total"] for it in answers.values()]
    problems = [f"a longer window has fewer requests: {totals}"] if totals != sorted(totals) else []
    return judged(problems, f"requests over {', '.join(WINDOWS)}: {totals}")


def cold_starts_have_figures(probe: Probe) -> Finding:
    if probe.stage.is_local:
        return cannot_tell("no local worker starts as Lambda's do")
    seen: dict[str, list[float]] = defaultdict(list)
    for phase, seconds in _cold_starts(probe):
        seen[phase].append(1000 * seconds)
    figures = [
        f"{phase}: {len(times)}, median {statistics.median(times):.0f} ms, longest {max(times):.0f} ms"
        for phase, times in seen.items()
    ]
    nothing = "no trace of the last hour has a cold start; deploy, send a request, run again"
    return held("; ".join(figures)) if figures else cannot_tell(nothing)


def _cold_starts(probe: Probe) -> Iterator[tuple[str, float]]:
    """(function and phase, seconds) from the segments that Lambda itself adds to a trace."""
    client, now = probe.stage.client("xray"), datetime.now(UTC)
    pages = client.get_paginator("get_trace_summaries").paginate(
        StartTime=now - timedelta(hours=1),
        EndTime=now,
        FilterExpression=f'http.url CONTAINS "{probe.stage.outputs["ApiId"]}"',
        PaginationConfig={"MaxItems": _MOST_TRACES},
    )
    ids = [one["Id"] for page in pages for one in page["TraceSummaries"]]
    for at in range(0, len(ids), _TRACES_A_CALL):
        for trace in client.batch_get_traces(TraceIds=ids[at : at + _TRACES_A_CALL])["Traces"]:
            for segment in trace["Segments"]:
                yield from starts_in(json.loads(segment["Document"]))


def starts_in(segment: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for part in segment.get("subsegments", ()):
        if part["name"] in _STARTING and "end_time" in part:
            yield f"{segment['name']} {part['name']}", part["end_time"] - part["start_time"]
