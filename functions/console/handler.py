"""The files of the console, for anybody: the page holds no data, and its API wants a key."""

from __future__ import annotations

from typing import Any

from functions.console.files import FILES
from functions.shared.gateway.static_files import file_answer


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    name = (event.get("pathParameters") or {}).get("file", "")
    return file_answer(event, FILES.get(name))
