"""CloudWatch Logs: metrics in the embedded metric format, which upstream stores as text alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, NoReturn

from ministack.services import cloudwatch

from local.emulator.log_events import LISTENERS

_OLDEST_S = 14 * 24 * 3600
_NEWEST_S = 2 * 3600
_MAX_VALUES = 100
_MAX_DIMENSIONS = 30


def extract(_group: str, message: str, _timestamp_ms: int) -> None:
    """Store every value that a message declares, under each of its dimension sets.

    What breaks the format's rules is left out, as on AWS: the event itself is kept anyhow.
    """
    if '"_aws"' not in message:
        return
    document = _document(message)
    if document is None:
        return
    header = document["_aws"]
    timestamp_s = header["Timestamp"] / 1000
    if not -_OLDEST_S <= timestamp_s - time.time() <= _NEWEST_S:
        return
    for directive in _dicts(header.get("CloudWatchMetrics")):
        namespace = directive.get("Namespace")
        if not isinstance(namespace, str) or not namespace:
            continue
        dimension_sets = list(_dimension_sets(directive.get("Dimensions"), document))
        for metric in _dicts(directive.get("Metrics")):
            name = metric.get("Name")
            values = _values(document.get(name)) if isinstance(name, str) else []
            for dimensions in dimension_sets if values else ():
                unit = metric.get("Unit", "None")
                cloudwatch._store_datum(
                    namespace, name, dimensions, timestamp_s, unit, None, values, None, None
                )


def _document(message: str) -> dict[str, Any] | None:
    try:
        document: Any = json.loads(message, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    header = document.get("_aws") if isinstance(document, dict) else None
    timed = isinstance(header, dict) and _is_number(header.get("Timestamp"))
    return dict(document) if timed else None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _dicts(members: object) -> Iterator[dict[str, Any]]:
    if isinstance(members, list):
        yield from (member for member in members if isinstance(member, dict))


def _dimension_sets(sets: object, document: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The sets whose dimensions all have a text as their value; an empty set is one, too."""
    for names in sets if isinstance(sets, list) else ():
        if not isinstance(names, list) or len(names) > _MAX_DIMENSIONS:
            continue
        if all(isinstance(name, str) and isinstance(document.get(name), str) for name in names):
            yield {name: document[name] for name in names}


def _values(found: Any) -> list[float]:
    values = found if isinstance(found, list) else [found]
    if len(values) > _MAX_VALUES or not all(map(_is_number, values)):
        return []
    return [float(value) for value in values]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def install() -> None:
    """Listen to the log events."""
    LISTENERS.append(extract)
