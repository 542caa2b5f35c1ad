"""The emulator's process: ministack and the front door on two sockets that `up` hands over.

`python -m local.server FRONT_DOOR_FD EMULATOR_FD`. It ends with SIGTERM or SIGINT, and when its
standard input closes before a line arrived there: then whoever started it has died.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable

from hypercorn.asyncio import serve
from hypercorn.config import Config

_GRACE_S = 1.0
_MOST_DIGITS = 20_000


def _read_numbers_as_java() -> None:
    """A number may have more digits to the gateway and to Step Functions than to a function, where
    Python reads 4,300; how many they read is not known, and here each costs time."""
    sys.set_int_max_str_digits(_MOST_DIGITS)


def _application(port: int) -> Callable[..., Awaitable[None]]:
    # Imported late: ministack reads its environment when it is imported.
    from ministack import app as ministack

    from local.emulator import (
        access_log,
        alarms,
        async_invocations,
        authorizers,
        cloudformation,
        embedded_metrics,
        executions,
        gateway,
        insights,
        log_events,
        machine_log,
        metric_filters,
        metrics,
        platform_metrics,
        quotas,
        saved_queries,
        streams,
        traces,
        workers,
    )
    from local.front_door import front_door

    gaps = (gateway, cloudformation, executions, workers, log_events, embedded_metrics, metrics)
    more = (alarms, access_log, metric_filters, platform_metrics, saved_queries, streams)
    others = (traces, insights, machine_log, authorizers, async_invocations)
    # Quotas hold for what the others have made of the rest.
    for gap in (*gaps, *more, *others, quotas):
        gap.install()
    return front_door(ministack.app, port)


def _end_with_starter(end: Callable[[], None]) -> None:
    if not sys.stdin.readline():
        end()


async def _serve(front_door_fd: int, emulator_fd: int) -> None:
    with socket.socket(fileno=os.dup(front_door_fd)) as listener:
        port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{front_door_fd}", f"fd://{emulator_fd}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = _GRACE_S
    config.errorlog = "-"
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)

    def end() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=_end_with_starter, args=(end,), daemon=True).start()
    _read_numbers_as_java()
    app = _application(port)
    await serve(app, config, shutdown_trigger=ended.wait)


def main() -> None:
    """Serve until told to end; leave no execution environment behind."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(_serve(int(sys.argv[1]), int(sys.argv[2])))
    finally:
        from local.emulator import workers

        workers.stop_all()
        sys.stdout.flush()
        # Executions that still run are threads that nothing can end.
        os._exit(0)


if __name__ == "__main__":
    main()
