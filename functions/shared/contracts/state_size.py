"""How much of a state a value takes: Step Functions hands on at most 262,144 bytes."""

from __future__ import annotations

import json


def json_bytes(value: object) -> int:
    """Raises `UnicodeEncodeError` for half a surrogate pair, and `RecursionError`."""
    return len(json.dumps(value, ensure_ascii=False).encode())
