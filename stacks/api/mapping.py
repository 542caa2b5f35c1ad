"""The gateway's mapping templates: stacks/api/templates/*.vtl with their `%NAME%`s filled in."""

from __future__ import annotations

import json
from pathlib import Path

from functions.shared.errors import HTTP_STATUS
from functions.shared.request_ids import IDEMPOTENCY_KEY, NO_KEY

TEMPLATES = Path(__file__).parent / "templates"
JSON = "application/json"
STAGE_NAME = "api"
JOBS_PATH = f"/{STAGE_NAME}/v1/jobs"


def mapping_template(name: str, *, machine_arn: str = "", mode: str = "") -> str:
    """A template behind the lines that set `$request_id`. Velocity owns `$` and `#`, so our own
    placeholders are `%NAME%`."""
    text = _text("request_id") + _text(name)
    return (
        text.replace("%MACHINE_ARN%", machine_arn)
        .replace("%MODE%", mode)
        .replace("%KEY_PATTERN%", IDEMPOTENCY_KEY.pattern)
        .replace("%NO_KEY%", NO_KEY)
        .replace("%HTTP_STATUS%", json.dumps(HTTP_STATUS))
    )


def _text(name: str) -> str:
    return (TEMPLATES / f"{name}.vtl").read_text("utf-8")
