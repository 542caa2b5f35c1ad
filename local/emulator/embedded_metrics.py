"""CloudWatch Logs: metrics in the embedded metric format, which upstream stores as text alone."""

from __future__ import annotations

import json
import math
from typing import Any

from ministack.services import cloudwatch

from local.emulator.log_events import LISTENERS


def extract(_group: str, message: str, _timestamp_ms: int) -> None:
    """Store every value that a message declares, under each of its dimension sets.

    A declaration that breaks the format's rules raises what reading it does, and LISTENERS' caller
    tells of it; the event itself is kept anyhow, as on AWS.
    """
    document = _document(message) if '"_aws"' in message else {}
    header = document.get("_aws", {"CloudWatchMetrics": []})
    for directive in header["CloudWatchMetrics"]:
        sets = [
            {name: _text(document[name]) for name in names} for names in directive["Dimensions"]
        ]
        for metric in directive["Metrics"]:
            found = document[metric["Name"]]
            values = list(map(_number, found if isinstance(found, list) else [found]))
            unit, at = metric.get("Unit", "None"), header["Timestamp"] / 1000
            for dimensions in sets:
                stored = (directive["Namespace"], metric["Name"], dimensions, at, unit)
                cloudwatch._store_datum(*stored, None, values, None, None)


def _document(message: str) -> dict[str, Any]:
    """Empty for a message that is no object."""
    try:
        document = json.loads(message)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no value of a dimension")
    return value


def _number(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise TypeError(f"{value!r} is no value of a metric")
    return float(value)


def install() -> None:
    """Listen to the log events."""
    LISTENERS.append(extract)
