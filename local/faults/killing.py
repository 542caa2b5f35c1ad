"""Kills the process at the other end of a connection, where Linux tells whose that is."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_LOCAL, _REMOTE, _INODE = 1, 2, 9
"""Columns of /proc/net/tcp."""


def can_kill() -> bool:
    return (_PROC / "net" / "tcp").exists()


def kill_caller(group: int, its_port: int, our_port: int) -> None:
    """With SIGKILL; only a process of that group, so that no other program is ever hit."""
    inode = _inode(its_port, our_port)
    for pid in _pids_of(group):
        if inode in _inodes(pid):
            os.kill(pid, signal.SIGKILL)


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
