"""The requests of a run with faults: those of any load, each with a mark by which the exchange knows it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from functions.shared.errors import HTTP_STATUS
from local.faults.exchange import marked
from local.load_plan import Planned, load_prompts, planned
from local.load_sending import Outcome, Sender

_JOB_LATENCY_MS = 10_000
"""A job waits minutes for a provider that hangs, unless it is told a limit."""
_STOPPED_AFTER_S = 0.5
_EVERY_NTH_JOB_IS_STOPPED = 4


def planned_with_marks(models: Sequence[str], seed: int) -> Iterator[Planned]:
    """Without an end; the mark is the same as in the metadata, which the request log keeps. Answers are as long
    as aimock's are, whatever limit is asked for."""
    for request in planned(load_prompts(), models, seed):
        body = {name: value for name, value in request.body.items() if name != "max_output_tokens"}
        if request.path == "/jobs":
            body["max_latency_ms"] = _JOB_LATENCY_MS
        yield Planned(request.path, _with_mark(body))


def mark_of(request: Planned) -> str:
    return str(request.body["metadata"]["load"])


def _with_mark(body: dict[str, Any]) -> dict[str, Any]:
    mark = body["metadata"]["load"]
    if "text" in body:
        return body | {"text": marked(body["text"], mark)}
    *others, last = body["messages"]
    return body | {"messages": [*others, last | {"content": marked(last["content"], mark)}]}


def stopped(requests: Iterable[Planned]) -> Iterator[Planned]:
    """The same ones, of whose jobs every fourth one is to be stopped."""
    jobs = 0
    for request in requests:
        jobs += request.path == "/jobs"
        if request.path == "/jobs" and jobs % _EVERY_NTH_JOB_IS_STOPPED == 0:
            yield replace(request, stop=True)
        else:
            yield request


class FaultSender(Sender):
    """Tells how each request ended, and leaves it to the request log for how much."""

    def send(self, request: Planned) -> Outcome:
        try:
            return self._outcome(request)
        except OSError as error:
            return Outcome("lost", f"no answer ({type(error).__name__})")

    def _outcome(self, request: Planned) -> Outcome:
        status, body = self._ask("POST", request.path, request.body)
        if status == 202:
            if request.stop:
                time.sleep(_STOPPED_AFTER_S)
                self._ask("DELETE", f"/jobs/{body['execution_id']}")
            status, body = self._finished_job(body["execution_id"])
            # Inside a job an error has no status of its own.
            status = HTTP_STATUS.get(_code(body), status) if status == 500 else status
        if status == 200 and body.get("success") and "result" in body:
            return Outcome("answered")
        code = _code(body)
        if HTTP_STATUS.get(code) != status:
            return Outcome("undocumented", f"{status} {code}")
        return Outcome("failed", code)


def _code(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("code")) if isinstance(error, dict) else "without a code"
