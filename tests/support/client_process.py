"""A client that is a program of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from local.paths import SCRIPTS

CLIENTS_PYTHON = SCRIPTS.parent / "clients/bin/python"
"""Of clients that want other versions of what the tests have."""


def run_client(
    *command: str | Path, cwd: Path | None = None, **told: str
) -> subprocess.CompletedProcess[str]:
    """`told` is what its environment has beside that of the tests."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | told,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def output_of_client(*command: str | Path, cwd: Path | None = None, **told: str) -> str:
    """What it writes, once it has ended well."""
    done = run_client(*command, cwd=cwd, **told)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
