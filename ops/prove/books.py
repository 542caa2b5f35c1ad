"""That figures and rows come by the ways which only AWS has: the table's stream, the jobs' events."""

from __future__ import annotations

import json
import time
from typing import Any

from ops.prove.check import Finding, judged
from ops.prove.probe import Probe

_STOPPED_WITHIN_S = 30
"""The queue alone holds an event for ten seconds."""
_TRIES = 3


def figures_follow_the_log(probe: Probe) -> Finding:
    answered = probe.generate(probe.question).json()["request_id"]

    def spent() -> Any:
        costs = probe.send("GET", "/v1/metrics/costs?window=15m").json()
        # Its own is the one caller whose costs it sees.
        return next(iter(costs["by_caller"].values()), None)

    told = probe.eventually(spent)
    problems = [] if told else [f"{answered} is not among the costs of its caller"]
    return judged(problems, f"counted {told}")


def answers_are_recorded_soon(probe: Probe) -> Finding:
    answered = probe.generate(probe.question).json()["request_id"]

    def row() -> Any:
        told = probe.send("GET", f"/v1/requests/{answered}")
        return told.json() if told.status_code == 200 else None

    began_s = time.monotonic()
    found = probe.eventually(row)
    problems = [] if found else [f"{answered} has an answer and no row"]
    return judged(problems, f"its row was there after {time.monotonic() - began_s:.1f} s")


def a_stopped_job_has_a_row(probe: Probe) -> Finding:
    # One that was just being recorded may be in a row that says how it would have ended.
    for _ in range(_TRIES):
        ended, found = _stopped(probe)
        if found is None or found["status"] == ended:
            break
    if found is None:
        return judged([f"a job that ended as {ended} has no row"], "")
    problems = [] if found["status"] == ended else [f"{ended} is {found['status']} in its row"]
    return judged(problems, f"its row says {found['status']}")


def _stopped(probe: Probe) -> tuple[str, Any]:
    """How a job ended that was stopped at once, and its row. A quick job may have ended before."""
    job = probe.send("POST", "/v1/jobs", json.dumps(probe.question).encode()).json()
    ended = probe.send("DELETE", f"/v1/jobs/{job['execution_id']}").json()["status"]

    def row() -> Any:
        told = probe.send("GET", f"/v1/requests/{job['execution_id']}")
        return told.json() if told.status_code == 200 else None

    return ended, probe.eventually(row, local_s=_STOPPED_WITHIN_S)
