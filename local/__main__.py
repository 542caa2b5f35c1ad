"""`python -m local up | down | status | load`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Sequence

from local.client import Client
from local.env_file import with_env_file
from local.load import LoadFailed, LoadOptions, load
from local.settings import read_settings
from local.state import StackState, is_ours, read_state
from local.tools import UpFailed
from local.up import Ended, end_stack, up

DEFAULT_PORT = 8000
_UP_ENDS_WITHIN_S = 15


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; answer its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "up":
            settings = read_settings(with_env_file())
            up(options.port, settings, detach=options.detach, show_demo=options.demo)
            return 0
        if options.command == "load":
            return _load(_load_options(options))
        return _down(options.port) if options.command == "down" else _status(options)
    except Ended:
        print("Ended before it was ready.", file=sys.stderr)
        return 1
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except (UpFailed, LoadFailed) as error:
        print(error, file=sys.stderr)
        return 1


def _load(options: LoadOptions) -> int:
    if not options.faults:
        return load(options)
    # Imported late: it reads the catalogue, for which no other command has to wait.
    from local.faults.run import load_with_faults

    return load_with_faults(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The local AWS.")
    commands = parser.add_subparsers(dest="command", required=True)
    up_command = commands.add_parser("up", help="deploy the app locally and serve it")
    up_command.add_argument("--detach", action="store_true", help="return when it is ready")
    up_command.add_argument(
        "--no-demo", dest="demo", action="store_false", help="send no demonstration requests"
    )
    status = commands.add_parser("status", help="say whether it is ready")
    status.add_argument("--json", action="store_true")
    load_command = commands.add_parser("load", help="send it many requests and check its metrics")
    load_command.add_argument("--requests", type=_whole, default=500)
    load_command.add_argument("--concurrency", type=_whole, default=8)
    load_command.add_argument(
        "--failures", type=_percent, default=0, help="percent of the simulator's attempts"
    )
    load_command.add_argument(
        "--faults",
        type=_percent,
        default=0,
        help="percent of the calls, in every way that providers fail, of a stack of its own",
    )
    load_command.add_argument(
        "--kills", type=_whole, default=0, help="functions of that stack, at random moments"
    )
    load_command.add_argument(
        "--month-usd", default="", help="what the callers of that stack may spend together"
    )
    load_command.add_argument("--seed", type=int, default=1)
    down = commands.add_parser("down", help="end it")
    for command in (up_command, status, load_command, down):
        command.add_argument("--port", type=int, default=DEFAULT_PORT)
    return parser


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number from 1 is needed")
    return int(text)


def _percent(text: str) -> float:
    percent = float(text)
    if not 0 <= percent <= 100:
        raise argparse.ArgumentTypeError("a number from 0 to 100 is needed")
    return percent


def _load_options(options: argparse.Namespace) -> LoadOptions:
    return LoadOptions(
        port=options.port,
        requests=options.requests,
        concurrency=options.concurrency,
        failures=options.failures,
        seed=options.seed,
        faults=options.faults,
        kills=options.kills,
        month_usd=options.month_usd,
    )


def _status(options: argparse.Namespace) -> int:
    state = read_state(options.port)
    if state.state == "ready" and not Client(state.base_url, state.api_key).is_healthy():
        state = state.with_phase("starting")
    print(json.dumps(state.public) if options.json else f"{state.base_url} {state.state}")
    return 0 if state.state == "ready" else 1


def _down(port: int) -> int:
    state = read_state(port)
    if state.state != "stopped":
        _end_up(state)
    # Whatever is left, also of a stack that was killed.
    end_stack(read_state(port))
    running = state.state != "stopped"
    print(f"Ended the stack on port {port}." if running else f"Nothing runs on port {port}.")
    return 0


def _end_up(state: StackState) -> None:
    """An `up` that still deploys or serves cleans up after itself."""
    deadline = time.monotonic() + _UP_ENDS_WITHIN_S
    if is_ours(state.up_pid, "local"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(state.up_pid, signal.SIGTERM)
    while is_ours(state.up_pid, "local") and time.monotonic() < deadline:
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
