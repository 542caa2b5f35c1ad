"""`GET /v1/openapi.json` and `GET /v1/docs`, for anybody."""

from __future__ import annotations

from typing import Any

from functions.docs.files import FILES
from functions.shared.gateway.static_files import file_answer


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    name = (event.get("pathParameters") or {}).get("file", "")
    return file_answer(event, FILES.get(event["resource"].replace("{file}", name)))
