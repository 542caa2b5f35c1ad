"""What is known about the stack on a port: a small file beside its logs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from local.paths import folder_of

Phase = Literal["stopped", "starting", "deploying", "ready"]


@dataclass(frozen=True)
class StackState:
    """The process ids are of `up` itself and of the emulator, which outlives a detached `up`."""

    port: int
    api_key: str = ""
    emulator_url: str = ""
    state: Phase = "stopped"
    up_pid: int = 0
    emulator_pid: int = 0

    @property
    def base_url(self) -> str:
        """Where the API's paths begin."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def public(self) -> Mapping[str, str]:
        """What `status --json` prints."""
        return {
            "base_url": self.base_url,
            "api_key": self.api_key,
            "emulator_url": self.emulator_url,
            "state": self.state,
        }

    def with_phase(self, phase: Phase) -> StackState:
        """The same stack, further on."""
        return replace(self, state=phase)


def read_state(port: int) -> StackState:
    """The stack on `port`; stopped when there is none, or when its emulator has died."""
    try:
        state = StackState(**json.loads(_file(port).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return StackState(port)
    return state if is_ours(state.emulator_pid, "local.server") else StackState(port)


def write_state(state: StackState) -> None:
    """Replace the file in one step: `status` may read at any time."""
    path = _file(state.port)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(state)), "utf-8")
    draft.chmod(0o600)
    draft.replace(path)


def forget_state(port: int) -> None:
    """Remove the file."""
    _file(port).unlink(missing_ok=True)


def is_ours(pid: int, mark: str) -> bool:
    """Whether a process lives and is not merely a later one with the same id."""
    if pid <= 0:
        return False
    listing = subprocess.run(
        ["ps", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return mark in listing and not listing.startswith("Z")


def _file(port: int) -> Path:
    return folder_of(port) / "state.json"
