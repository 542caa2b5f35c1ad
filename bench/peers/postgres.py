"""A PostgreSQL of its own, as Debian has it, with an empty database; gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.peers.installed import SCRATCH
from bench.processes import cpu_s, free_port, running, wait_until

_PACKAGED = Path("/usr/lib/postgresql")
_ACCOUNT = "postgres"
"""It does not run as root; Debian's package makes this account."""
_STARTS_WITHIN_S = 60


@dataclass(frozen=True)
class Postgres:
    """A running one."""

    url: str
    pid: int

    def cpu_s(self) -> float:
        return cpu_s(self.pid)

    def run(self, sql: str) -> str:
        """What it prints of SQL, bare. Raises `subprocess.CalledProcessError`."""
        command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", self.url]
        done = subprocess.run(
            [*command, "--set", "ON_ERROR_STOP=1"],
            input=sql,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


def _program(name: str) -> str:
    """Raises FileNotFoundError where PostgreSQL is not installed."""
    packaged = sorted(_PACKAGED.glob(f"*/bin/{name}"))
    found = str(packaged[-1]) if packaged else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name}: install Debian's package postgresql")
    return found


def version() -> str:
    told = subprocess.run(
        [_program("postgres"), "--version"], capture_output=True, text=True, check=True
    )
    return told.stdout.split()[2]


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    port, account = free_port(), _ACCOUNT if os.getuid() == 0 else None
    with TemporaryDirectory(prefix="bench-postgres-") as name:
        if account:
            os.chown(name, pwd.getpwnam(account).pw_uid, -1)
        data = f"{name}/data"
        made = [_program("initdb"), "--pgdata", data, "--username", "bench", "--auth", "trust"]
        subprocess.run(
            [*made, "--no-sync"], cwd=name, user=account, capture_output=True, check=True
        )
        # No more than this machine's loopback may come in, and it asks nobody for a password.
        served = [_program("postgres"), "-D", data, "-p", str(port), "-k", name, "-h", "127.0.0.1"]
        with running(served, {}, SCRATCH / "postgres.log", account=account) as process:
            database = Postgres(f"postgresql://bench@127.0.0.1:{port}/postgres", process.pid)
            wait_until(lambda: _answers(database), _STARTS_WITHIN_S, "PostgreSQL")
            yield database


def _answers(database: Postgres) -> bool:
    try:
        return database.run("select 1") == "1"
    except subprocess.CalledProcessError:
        return False
