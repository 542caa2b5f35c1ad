"""What the function of OpenAI's routes starts its executions by."""

from __future__ import annotations

from typing import Any

import pytest

from functions.openai import executions


def let_the_door_start(machines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`machines` are instead of the client of Step Functions."""
    monkeypatch.setattr(executions, "machines", lambda: machines)
    for name in ("GENERATE", "SUBMIT", "JOBS"):
        monkeypatch.setenv(f"{name}_STATE_MACHINE_ARN", f"arn:{name.lower()}")
    monkeypatch.setenv("JOBS_TABLE", "Jobs")
