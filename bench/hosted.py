"""Functions in processes of their own, and what each call took of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[1]


@dataclass
class Hosted:
    """One function's process; `spent_ms` of CPU by each call since they were last taken."""

    process: subprocess.Popen[str]
    spent_ms: list[float] = field(default_factory=list)

    def __call__(self, event: Any) -> Any:
        """What the function returns. Raises RuntimeError where it raises: its process has ended, and said why."""
        given, answered = _pipes(self.process)
        given.write(json.dumps(event) + "\n")
        given.flush()
        spent_ns, _, answer = answered.readline().partition(" ")
        if not answer:
            raise RuntimeError(f"the function of {self.process.args!r} has ended")
        self.spent_ms.append(int(spent_ns) / 1e6)
        return json.loads(answer)

    def taken(self) -> list[float]:
        """Of the calls so far, which are forgotten."""
        spent, self.spent_ms = self.spent_ms, []
        return spent

    @property
    def resident_bytes(self) -> int:
        """Of memory, now: https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html"""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as told:
            return int(told.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("started without pipes")
    return process.stdin, process.stdout


@contextmanager
def hosted(
    folders: Mapping[str, str], variables: Mapping[str, str], code: Path = ROOT
) -> Iterator[dict[str, Hosted]]:
    """A process for each name, of the function in this folder of the code; ended at the end."""
    environment = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ
    }
    with ExitStack() as ended:
        started = {}
        for name, folder in folders.items():
            process = subprocess.Popen(
                [sys.executable, "-m", "bench.function_host", folder],
                env=environment | {"PYTHONPATH": str(ROOT)} | dict(variables),
                cwd=code,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            ended.callback(_end, process)
            started[name] = Hosted(process)
        yield started


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait()
    for pipe in _pipes(process):
        pipe.close()
