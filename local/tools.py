"""The command line tools that `up` runs: npm and the CDK, on the Node of the environment."""

from __future__ import annotations

import fcntl
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.emulator_process import stop_group
from local.paths import CDK, LOCAL, PROJECT, SCRIPTS
from local.settings import tool_environment

# A Python exception's last line, the CDK's failed deployment, npm's error.
_ERROR = re.compile(r"^[\w.]*(Error|Exception|Failed): |❌|npm error \S+ ")


class UpFailed(Exception):
    """The stack does not come up; the text says what to do about it."""


def run_tool(command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    """Run a tool with its output in `log`. Raises UpFailed; an interrupt ends the tool, too."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            code = process.wait()
        except BaseException:
            stop_group(process.pid, process)
            raise
    if code:
        raise UpFailed(f"{_last_error(log)} (all of it: {log.relative_to(PROJECT)})")


def require_tools() -> None:
    """Check for Node and install the CDK command line once. Raises UpFailed."""
    for name in ("node", "npm"):
        if not (SCRIPTS / name).exists():
            raise UpFailed(
                f"{name} is missing in {SCRIPTS}. "
                "Install it with: pip install --requirement requirements.txt"
            )
    with locked("npm"):
        if not CDK.exists():
            print("Installing the CDK command line (once)", flush=True)
            npm = [str(SCRIPTS / "npm"), "ci", "--omit=dev", "--no-audit", "--no-fund"]
            run_tool(npm, tool_environment(""), LOCAL / "npm.log")


def cdk_command(*arguments: str) -> list[str]:
    """The CDK command line, told to talk to nobody but the emulator."""
    return [
        str(SCRIPTS / "node"),
        str(CDK),
        *arguments,
        "--ci",
        "--no-notices",
        "--no-version-reporting",
    ]


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock that every stack of this project shares."""
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _last_error(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    telling = [line for line in lines if _ERROR.search(line)]
    return (telling or lines or ["It ended without a word"])[-1].strip()
