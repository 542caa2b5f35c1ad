"""Kills processes of the local AWS: the one at the other end of a connection, where Linux tells whose that is,
and any at random moments."""

from __future__ import annotations

import os
import random
import signal
import threading
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_LOCAL, _REMOTE, _INODE = 1, 2, 9
"""Columns of /proc/net/tcp."""
_LATEST_S = 0.25
"""Longer than it takes from a call to the end of its function, and of the next one's holds."""
_RECORDERS = 0.2
"""The share of the kills that meet a function which records."""


def can_kill() -> bool:
    return (_PROC / "net" / "tcp").exists()


def kill_caller(group: int, its_port: int, our_port: int) -> None:
    """With SIGKILL; only a process of that group, so that no other program is ever hit."""
    for pid in _callers(group, its_port, our_port):
        os.kill(pid, signal.SIGKILL)


class Kills:
    """Kills, by a seed, so many functions of a group: up to a moment after a call has come the one that made
    it, whatever it does by then, and now and then a function of the name `recorder`."""

    def __init__(self, group: int, most: int, seed: int, recorder: str) -> None:
        self._group, self._most, self._recorder = group, most, recorder
        self._chance = random.Random(seed)  # noqa: S311 - not for secrets
        self._lock = threading.Lock()
        self.done = 0

    def watch(self, its_port: int, our_port: int) -> None:
        """A call has come; every other one is followed by a kill."""
        with self._lock:
            is_met, late_s = self._chance.random() < 0.5, self._chance.uniform(0, _LATEST_S)
            is_recorder = self._chance.random() < _RECORDERS
        if is_met and self.done < self._most:
            pids = [] if is_recorder else _callers(self._group, its_port, our_port)
            threading.Timer(late_s, self._kill, (pids,)).start()

    def _kill(self, pids: list[int]) -> None:
        with self._lock:
            for pid in pids or _named(self._group, self._recorder)[:1]:
                if self.done < self._most and pid in _pids_of(self._group):
                    os.kill(pid, signal.SIGKILL)
                    self.done += 1


def _callers(group: int, its_port: int, our_port: int) -> list[int]:
    inode = _inode(its_port, our_port)
    return [pid for pid in _pids_of(group) if inode in _inodes(pid)]


def _named(group: int, name: str) -> list[int]:
    """Of a function that is called so."""
    told = f"\0AWS_LAMBDA_FUNCTION_NAME={name}\0".encode()
    return [pid for pid in _pids_of(group) if told in _environment(pid)]


def _environment(pid: int) -> bytes:
    with suppress(OSError):
        return (_PROC / str(pid) / "environ").read_bytes()
    return b""


def _inode(its_port: int, our_port: int) -> str:
    for line in (_PROC / "net" / "tcp").read_text().splitlines()[1:]:
        columns = line.split()
        ports = [int(columns[at].rpartition(":")[2], 16) for at in (_LOCAL, _REMOTE)]
        if ports == [its_port, our_port]:
            return f"socket:[{columns[_INODE]}]"
    return ""


def _pids_of(group: int) -> list[int]:
    found = []
    for folder in _PROC.iterdir():
        # One may end meanwhile.
        with suppress(ValueError, ProcessLookupError):
            if os.getpgid(int(folder.name)) == group and int(folder.name) != group:
                found.append(int(folder.name))
    return found


def _inodes(pid: int) -> set[str]:
    found = set()
    with suppress(OSError):
        for file in (_PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                found.add(str(file.readlink()))
    return found
