"""Sends the requests of a load run from several threads, and tells what became of each."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from local.client import Client, json_of
from local.load_plan import Planned

_TOO_MANY = 429
_MOST_WAITS = 10
_LONGEST_WAIT_S = 30.0
"""Who is told to wait longer, has used up a day's quota."""
_JOB_POLLS_S = 0.3
_JOB_LIMIT_S = 120.0
_LOOKS_AROUND_S = 0.2


@dataclass(frozen=True)
class Outcome:
    """What became of a request, as its caller can know it.

    A refused one never reached the state machine and left no row; a lost one has no answer, and an
    undocumented one none that the contract has. `problem` is the error's code.
    """

    kind: Literal["answered", "failed", "refused", "lost", "undocumented"]
    problem: str = ""
    fallbacks: int = 0
    cost_usd: Decimal = Decimal(0)
    savings_usd: Decimal = Decimal(0)
    total_time_ms: int | None = None
    throttled: int = 0


def send_all(
    requests: Iterator[Planned],
    connect: Callable[[], Sender],
    concurrency: int,
    stopping: threading.Event,
) -> Iterator[Outcome]:
    """The outcomes as they come, each thread with a sender of its own, until there are no more
    requests or somebody sets `stopping`: then those under way are still waited for."""
    outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    lock = threading.Lock()

    def work() -> None:
        sender = connect()
        while not stopping.is_set():
            with lock:
                request = next(requests, None)
            if request is None:
                return
            outcomes.put(sender.send(request))

    # Nobody waits for these threads once their user wants to end at once.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    while True:
        # Asked first, so that nothing can come in between.
        all_ended = not any(thread.is_alive() for thread in threads)
        try:
            yield outcomes.get(timeout=0 if all_ended else _LOOKS_AROUND_S)
        except queue.Empty:
            if all_ended:
                return


class Sender:
    """Sends one request after the other."""

    def __init__(self, client: Client, stopping: threading.Event) -> None:
        self._client = client
        self._stopping = stopping
        self._throttled = 0

    def send(self, request: Planned) -> Outcome:
        """Whatever happens, it has an outcome."""
        self._throttled = 0
        try:
            outcome = self._outcome(request)
        except OSError as error:
            outcome = Outcome("failed", f"no answer ({type(error).__name__})")
        return replace(outcome, throttled=self._throttled)

    def _outcome(self, request: Planned) -> Outcome:
        status, body = self._ask("POST", request.path, request.body)
        if status == 202:
            status, body = self._finished_job(body["execution_id"])
        return self._answered(body) if status == 200 else self._failed(status, body)

    def _answered(self, answer: Any) -> Outcome:
        usage, fallbacks = answer["usage"], len(answer["routing"]["fallbacks"])
        # An attempt that failed may have been billed, which only the row tells.
        row = self._row(answer["request_id"]) if fallbacks else None
        return Outcome(
            "answered",
            fallbacks=fallbacks,
            cost_usd=Decimal(row["cost_usd"] if row else usage["total_cost_usd"]),
            savings_usd=Decimal(usage["savings_usd"]),
            total_time_ms=answer["performance"]["total_time_ms"],
        )

    def _failed(self, status: int, body: Any) -> Outcome:
        problem = body["error"]["code"]
        row = None if status == _TOO_MANY else self._row(body["request_id"])
        if row is None:
            return Outcome("failed" if status >= 500 else "refused", problem)
        cost = Decimal(row["cost_usd"])
        return Outcome("failed", problem, fallbacks=row["fallbacks"], cost_usd=cost)

    def _row(self, request_id: str) -> Any:
        """Of the request log; None where there is none."""
        status, row = self._ask("GET", f"/requests/{request_id or '-'}")
        return row if status == 200 else None

    def _finished_job(self, execution_id: str) -> tuple[int, Any]:
        """As the synchronous call would have ended: 200 with the answer, or 500 with the error."""
        ends = time.monotonic() + _JOB_LIMIT_S
        while time.monotonic() < ends:
            time.sleep(_JOB_POLLS_S)
            status, job = self._ask("GET", f"/jobs/{execution_id}")
            if status != 200:
                return status, job
            if job["status"] == "SUCCEEDED":
                return 200, job["result"]
            if job["status"] != "RUNNING":
                return 500, {"error": job["error"], "request_id": execution_id}
        return 500, {"error": {"code": "still running"}, "request_id": execution_id}

    def _ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Waits where it is told to, but not for ever, and begins nothing new when all is to end."""
        for _ in range(_MOST_WAITS):
            answer = self._client.send(method, path, body)
            if answer.status_code != _TOO_MANY:
                break
            self._throttled += 1
            wait_s = float(answer.headers.get("Retry-After") or 1)
            if wait_s > _LONGEST_WAIT_S or (method == "POST" and self._stopping.is_set()):
                break
            time.sleep(wait_s)
        return answer.status_code, json_of(answer)
