"""The process of aimock, a provider simulator that is not ours: it speaks every provider's wire format."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from local.paths import PROJECT, SCRIPTS

CLI = PROJECT / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"

Fixture = dict[str, Any]


@contextmanager
def serving(fixtures: Sequence[Fixture], folder: Path) -> Iterator[str]:
    """Its address; a call that matches no fixture is refused."""
    file = folder / "fixtures.json"
    file.write_text(json.dumps({"fixtures": fixtures}), "utf-8")
    options = ("--port", "0", "--fixtures", str(file), "--strict", "--journal-max", "0")
    # Node may be started by a wrapper, which would not pass a signal on: the group gets it.
    with subprocess.Popen(
        [str(SCRIPTS / "node"), str(CLI), *options],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as server:
        try:
            for line in server.stdout or []:
                if "listening on " in line:
                    yield line.rsplit(" ", 1)[-1].strip()
                    break
            else:
                raise RuntimeError("aimock did not start")
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def journal(url: str) -> list[dict[str, Any]]:
    """Every call it got, oldest first."""
    told = requests.get(f"{url}/__aimock/journal", timeout=30).json()
    entries: list[dict[str, Any]] = told["entries"] if isinstance(told, dict) else told
    return entries
