"""The gateway's mapping templates: stacks/api/templates/*.vtl with their `%NAME%`s filled in."""

from __future__ import annotations

import json
from pathlib import Path

from functions.shared.errors import HTTP_STATUS

TEMPLATES = Path(__file__).parent / "templates"
JSON = "application/json"
STAGE_NAME = "api"
JOBS_PATH = f"/{STAGE_NAME}/v1/jobs"


def mapping_template(name: str, *, machine_arn: str = "") -> str:
    """Read a template. Velocity owns `$` and `#`, so our own placeholders are `%NAME%`."""
    text = (TEMPLATES / f"{name}.vtl").read_text("utf-8")
    return (
        text.replace("%MACHINE_ARN%", machine_arn)
        .replace("%HTTP_STATUS%", json.dumps(HTTP_STATUS))
        .replace("%JOBS_PATH%", JOBS_PATH)
    )
