"""Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

CONTENT_TYPE = "text/event-stream; charset=utf-8"
STREAM_MODE = {"x-stream-mode": "buffered"}
DONE = "data: [DONE]\n\n"


def data_events(chunks: Iterable[Mapping[str, Any]]) -> str:
    """Chunks without a name, and the end as Chat Completions has it."""
    return "".join(f"data: {_json(chunk)}\n\n" for chunk in chunks) + DONE


def named_events(events: Iterable[Mapping[str, Any]]) -> str:
    """Each by the name of its `type`."""
    return "".join(f"event: {event['type']}\ndata: {_json(event)}\n\n" for event in events)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
