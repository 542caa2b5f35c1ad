"""The gateway's mapping templates: stacks/api/templates/*.vtl with their `%NAME%`s filled in."""

from __future__ import annotations

import json
from pathlib import Path

from functions.shared.errors import HTTP_STATUS

TEMPLATES = Path(__file__).parent / "templates"
JSON = "application/json"
STAGE_NAME = "api"
JOBS_PATH = f"/{STAGE_NAME}/v1/jobs"


def mapping_template(name: str, *, machine_arn: str = "", key_problem: str = "") -> str:
    """A template behind the lines that set `$request_id`. Velocity owns `$` and `#`, so our own
    placeholders are `%NAME%`. `key_problem` is what is wrong with an Idempotency-Key that is refused."""
    text = _text("request_id") + _text(name)
    return (
        text.replace("%EXECUTION%\n", _text("execution"))
        .replace("%MACHINE_ARN%", machine_arn)
        .replace("%KEY_PROBLEM%", key_problem)
        .replace("%HTTP_STATUS%", json.dumps(HTTP_STATUS))
    )


def _text(name: str) -> str:
    return (TEMPLATES / f"{name}.vtl").read_text("utf-8")
