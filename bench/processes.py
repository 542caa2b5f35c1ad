"""Programs that are measured from outside: their whole tree of processes, and ports for them.

CPU of a process as Linux counts it, its own and that of children which have ended:
https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.emulator_process import stop_group

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def cpu_s(leader: int, leaving_out: str = "") -> float:
    """Of a process and of all that descend from it and live, but for those whose command has this in it."""
    ticks, children = dict[int, int](), dict[int, list[int]]()
    for number, parent, spent in _all():
        ticks[number] = spent
        children.setdefault(parent, []).append(number)
    found, todo = 0, [leader]
    while todo:
        number = todo.pop()
        if leaving_out and leaving_out in _command(number):
            continue
        found += ticks.get(number, 0)
        todo += children.get(number, [])
    return found / _TICKS_A_SECOND


def _command(number: int) -> str:
    try:
        return (_PROC / str(number) / "cmdline").read_text("utf-8", "replace")
    except OSError:
        return ""


def _all() -> Iterator[tuple[int, int, int]]:
    """Each process with its parent and its ticks: utime, stime, cutime and cstime."""
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            text = (folder / "stat").read_text("utf-8", "replace")
        except OSError:
            continue  # it has ended meanwhile
        # The name before it is in brackets, and may hold anything.
        fields = text.rpartition(")")[2].split()
        yield int(folder.name), int(fields[1]), sum(int(one) for one in fields[11:15])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], variables: Mapping[str, str], log: Path, account: str | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """In a group of its own, with nothing of this shell's environment but what is named, as another account
    where one is given; ended at the end."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as told:
        process = subprocess.Popen(
            command,
            env=kept | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=told,
            start_new_session=True,
            user=account,
        )
    try:
        yield process
    finally:
        stop_group(process.pid, process)


def wait_until(ready: Callable[[], bool], within_s: float, what: str) -> None:
    """Raises RuntimeError when it is too late."""
    ends = time.monotonic() + within_s
    while not ready():
        if time.monotonic() > ends:
            raise RuntimeError(f"{what} did not come within {within_s:.0f} s")
        time.sleep(0.2)
