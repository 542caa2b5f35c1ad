"""Starts and ends the emulator's process."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from local.paths import PROJECT, folder_of
from local.settings import tool_environment

HOST = "127.0.0.1"
_STOP_S = 5.0
_NO_DOCKER = "unix:///nonexistent"


class PortTaken(Exception):
    """Something else listens on the port."""


@dataclass
class EmulatorProcess:
    """A running emulator; it leads its own process group, which its workers are in."""

    process: subprocess.Popen[bytes]
    url: str

    def detach(self) -> None:
        """Let it live on when this process ends."""
        with contextlib.suppress(OSError):  # it has died already
            self._lifeline.write(b"\n")
            self._lifeline.close()

    def stop(self) -> None:
        """End it and everything it started."""
        stop_group(self.process.pid, self.process)
        with contextlib.suppress(OSError):
            self._lifeline.close()

    @property
    def _lifeline(self) -> IO[bytes]:
        """It ends when this closes, unless a line came first."""
        if self.process.stdin is None:
            raise RuntimeError("started without a pipe")
        return self.process.stdin


def start(port: int, account_concurrency: int = 0) -> EmulatorProcess:
    """Start it with the front door on `port` and itself on a free one. Raises PortTaken.

    Lambda refuses to run more functions at once than `account_concurrency`, where that is not 0.
    """
    with _bound(port) as front_door, _bound(0) as emulator:
        url = f"http://{HOST}:{emulator.getsockname()[1]}"
        files = (front_door.fileno(), emulator.fileno())
        scratch = folder_of(port) / "tmp"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        with emulator_log(port).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "local.server", *map(str, files)],
                cwd=PROJECT,
                env=_environment(url, scratch, account_concurrency),
                pass_fds=files,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    return EmulatorProcess(process, url)


def emulator_log(port: int) -> Path:
    """The emulator's log file."""
    return folder_of(port) / "emulator.log"


def _bound(port: int) -> socket.socket:
    listener = socket.socket()
    # A port whose last connections are still closing is free; one that is listened on is not.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        if port:
            # Two may bind with SO_REUSEADDR as long as none listens: claim it.
            listener.listen(1024)
    except OSError as error:
        listener.close()
        raise PortTaken(str(port)) from error
    return listener


def _environment(url: str, scratch: Path, account_concurrency: int) -> dict[str, str]:
    return {
        **tool_environment(url),
        "TMPDIR": str(scratch),
        "GATEWAY_PORT": url.rpartition(":")[2],
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": "us-east-1",
        # Without a limit they queue for their function's environments, see emulator/workers.py.
        "LAMBDA_ACCOUNT_CONCURRENCY": str(account_concurrency),
        "LAMBDA_EXECUTOR": "local",
        "DOCKER_HOST": _NO_DOCKER,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }


def stop_group(leader: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """End a process group: ask, wait, insist. `process` is the leader when it is our child."""
    deadline = time.monotonic() + _STOP_S
    alive = _signal_group(leader, signal.SIGTERM)
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        if process is not None:
            process.poll()  # until it is collected, a dead leader still counts as its group
        alive = _signal_group(leader, None)
    _signal_group(leader, signal.SIGKILL)
    if process is not None:
        process.wait()


def _signal_group(leader: int, number: signal.Signals | None) -> bool:
    """Whether the group exists; None only asks."""
    try:
        os.killpg(leader, number or 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
