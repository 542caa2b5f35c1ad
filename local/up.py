"""`up`: the emulator, the deployed app, a demonstration, and an end that leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from local import demo, emulator_process
from local.assembly import synthesised
from local.callers import put_callers
from local.client import Client
from local.deployment import deploy, put_secrets
from local.emulator_process import EmulatorProcess, PortTaken
from local.paths import PROJECT, folder_of
from local.settings import Settings
from local.state import StackState, forget_state, read_state, write_state
from local.tools import UpFailed, require_tools

_HEALTHY_WITHIN_S = 30


class Ended(BaseException):
    """Somebody asked this process to end."""


def up(port: int, settings: Settings, *, detach: bool, show_demo: bool) -> None:
    """Bring the stack up; serve until asked to end, or return when ready. Raises UpFailed."""
    log = folder_of(port) / "deploy.log"
    with _ended_by_signals():
        require_tools()
        emulator = _start(port, settings)
        state = StackState(
            port=port,
            api_key=settings.api_keys[0],
            emulator_url=emulator.url,
            state="starting",
            up_pid=os.getpid(),
            emulator_pid=emulator.process.pid,
        )
        try:
            state = _bring_up(state, settings, log)
            if detach:
                emulator.detach()
            else:
                _serve(emulator, state, show_demo=show_demo)
        except BaseException:
            detach = False
            raise
        finally:
            if not detach:
                _ignore_signals()
                end_stack(state, emulator)


def end_stack(state: StackState, emulator: EmulatorProcess | None = None) -> None:
    """End the emulator and what it started, and remove what they leave."""
    if emulator is not None:
        emulator.stop()
    elif state.emulator_pid:
        emulator_process.stop_group(state.emulator_pid)
    forget_state(state.port)
    shutil.rmtree(folder_of(state.port) / "tmp", ignore_errors=True)


def _start(port: int, settings: Settings) -> EmulatorProcess:
    running = read_state(port)
    try:
        return emulator_process.start(port, settings.account_concurrency)
    except PortTaken:
        whose = "a local stack" if running.state != "stopped" else "another program"
        end = f"end it with `python -m local down --port {port}` or " if running.up_pid else ""
        raise UpFailed(
            f"Port {port} is in use by {whose}: {end}choose another, e.g. --port {port + 1}"
        ) from None


def _bring_up(state: StackState, settings: Settings, log: Path) -> StackState:
    log.write_bytes(b"")
    write_state(state)
    with _step("Synthesising the CDK app"):
        context = settings.context | settings.auth_at(state.emulator_url)
        assembly = synthesised(context, log)
    write_state(state := state.with_phase("deploying"))
    with _step("Deploying it to the local AWS"):
        deploy(assembly, state.emulator_url, log)
        put_secrets(settings, state.emulator_url)
        put_callers(settings, state.emulator_url)
    with _step("Waiting for the API"):
        _wait_until_healthy(Client(state.base_url, state.api_key), state)
    write_state(state := state.with_phase("ready"))
    return state


def _wait_until_healthy(client: Client, state: StackState) -> None:
    deadline = time.monotonic() + _HEALTHY_WITHIN_S
    while not client.is_healthy():
        if time.monotonic() > deadline or read_state(state.port).state == "stopped":
            log = _shown(emulator_process.emulator_log(state.port))
            raise UpFailed(f"The deployed API does not answer; see {log}")
        time.sleep(0.2)


def _serve(emulator: EmulatorProcess, state: StackState, *, show_demo: bool) -> None:
    """Until asked to end. Raises UpFailed when the emulator ends by itself."""
    try:
        if show_demo:
            demo.show(Client(state.base_url, state.api_key))
        address = f"{state.base_url}/api/v1 with X-API-Key: {state.api_key}"
        print(f"\nServing {address}   (Ctrl-C ends it)")
        print(f"Look at {state.base_url}/console and {state.base_url}/dashboard", flush=True)
        emulator.process.wait()
    except Ended:
        print("\nEnded.", flush=True)
        return
    log = _shown(emulator_process.emulator_log(state.port))
    raise UpFailed(f"The emulator has ended; see {log}")


def _shown(path: Path) -> Path:
    return path.relative_to(PROJECT)


@contextmanager
def _step(title: str) -> Iterator[None]:
    print(f"{title} … ", end="", flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - started:.1f} s", flush=True)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise Ended

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, end) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _ignore_signals() -> None:
    """A second Ctrl-C must not leave the clean-up half done."""
    sys.stdout.flush()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
