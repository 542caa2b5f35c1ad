"""CloudWatch Logs: whoever listens is told every stored event, and Lambda's lines stay whole.

Upstream stores events and does nothing with them. It cuts a function's output where Unicode knows
a line's end, and guesses from a silence of milliseconds that a function has said everything.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import cloudwatch_logs, lambda_svc

LISTENERS: list[Callable[[str, str, int], None]] = []
"""Called with an event's log group, message and time (epoch milliseconds) once it is stored. They
run in the request's account and region, on any thread."""

_UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a line that nobody expected lets a listener stumble over; the line is kept anyhow."""
_SAID_EVERYTHING = "\x1eend of invocation"
_WAIT_S = 1.0  # for output that is already in the pipe

_forward = cloudwatch_logs._fanout_to_subscription_filters
_emit_lambda_logs = lambda_svc._emit_lambda_logs
_drain_by_silence = lambda_runtime.Worker._drain_stderr_bounded

_SCRIPT_END = "        _real_stdout.flush()\n\nrun()\n"
_MARKED_END = f"        print({_SAID_EVERYTHING!r}, file=sys.stderr, flush=True)\n{_SCRIPT_END}"


class _Output(str):
    """A function's output, of which upstream asks for the lines."""

    __slots__ = ()

    def splitlines(self, keepends: bool = False) -> list[str]:
        return self.split("\n")


def _tell_and_forward(group: str, stream: str, events: list[dict[str, Any]]) -> None:
    """Upstream calls this for all events that it has stored, of Lambda and of PutLogEvents."""
    for event in events:
        timestamp_ms = event.get("timestamp", int(time.time() * 1000))
        for listener in LISTENERS:
            try:
                listener(group, event.get("message", ""), timestamp_ms)
            except _UNREADABLE:
                cloudwatch_logs.logger.exception("a listener failed on an event of %s", group)
    _forward(group, stream, events)


def _emit(
    function: dict[str, Any],
    request_id: str,
    log_text: str,
    error: bool,
    duration_ms: int,
    **source: str | None,
) -> None:
    _emit_lambda_logs(function, request_id, _Output(log_text), error, duration_ms, **source)


def _drain(worker: Any, *silence: float, **more_silence: float) -> str:
    """What a function has printed. A Python worker that lives says when that was everything."""
    runtime = str(worker.config.get("Runtime", ""))
    if not runtime.startswith("python") or worker._proc is None:
        said = str(_drain_by_silence(worker, *silence, **more_silence))
        return said.replace(_SAID_EVERYTHING, "").removesuffix("\n")
    lines: list[str] = []
    ends = time.monotonic() + _WAIT_S
    while not (lines and lines[-1].endswith(_SAID_EVERYTHING)):
        try:
            lines.append(worker._stderr_queue.get(timeout=max(ends - time.monotonic(), 0)))
        except queue.Empty:
            return "\n".join(lines)
    # A last line that was not ended has the mark behind it.
    last = lines.pop().removesuffix(_SAID_EVERYTHING)
    return "\n".join((*lines, last) if last else lines)


def put(group_arn: str, stream: str, message: str) -> None:
    """Write one event, as a service of AWS does that logs to a group of the account's."""
    group = group_arn.partition(":log-group:")[2].removesuffix(":*")
    where = {"logGroupName": group, "logStreamName": stream}
    cloudwatch_logs._create_log_stream(where)
    event = {"timestamp": int(time.time() * 1000), "message": message}
    status, _headers, body = cloudwatch_logs._put_log_events({**where, "logEvents": [event]})
    if status != 200:
        cloudwatch_logs.logger.error("%s: %s", group, body)


def install() -> None:
    """Replace ministack's functions."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_SCRIPT_END) != 1:
        raise RuntimeError("ministack's worker answers in another way than 1.5.33 did")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_SCRIPT_END, _MARKED_END)
    lambda_runtime.Worker._drain_stderr_bounded = _drain
    lambda_svc._emit_lambda_logs = _emit
    cloudwatch_logs._fanout_to_subscription_filters = _tell_and_forward
