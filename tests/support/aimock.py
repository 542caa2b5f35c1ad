"""A provider simulator that is not ours: it speaks OpenAI's and Anthropic's wire formats."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[2]
CLI = ROOT / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"


@contextmanager
def serving(fixtures: list[dict[str, Any]], folder: Path) -> Iterator[str]:
    """Its address; a call that matches no fixture is refused."""
    file = folder / "fixtures.json"
    file.write_text(json.dumps({"fixtures": fixtures}))
    node = shutil.which("node") or str(ROOT / ".venv" / "bin" / "node")
    command = [node, str(CLI), "--port", "0", "--fixtures", str(file), "--strict"]
    # Node may be started by a wrapper, which would not pass a signal on: the group gets it.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
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
    told = requests.get(f"{url}/__aimock/journal", timeout=5).json()
    entries: list[dict[str, Any]] = told["entries"] if isinstance(told, dict) else told
    return entries
