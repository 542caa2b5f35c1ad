"""The files of the console, for anybody: the page holds no data, and its API wants a key."""

from __future__ import annotations

import json
from typing import Any

from functions.console.files import File, load_file
from functions.shared.errors import HTTP_STATUS, NotFound, error_body

_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_ASK_EACH_TIME = "no-cache"


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    name = (event.get("pathParameters") or {}).get("file", "")
    file = load_file(name)
    if file is None:
        return _not_found(event["requestContext"]["requestId"])
    headers = {"ETag": file.etag, "Cache-Control": _ASK_EACH_TIME}
    if _is_known(file, event.get("headers") or {}):
        return _response(304, "", headers)
    return _response(200, file.text, {**headers, "Content-Type": file.content_type})


def _is_known(file: File, headers: dict[str, str]) -> bool:
    known = next((text for name, text in headers.items() if name.lower() == "if-none-match"), "")
    return file.etag in [etag.strip().removeprefix("W/") for etag in known.split(",")]


def _not_found(request_id: str) -> dict[str, Any]:
    error = NotFound("There is no such path.")
    body = json.dumps(error_body(error, f"req_{request_id}"))
    return _response(HTTP_STATUS[error.code], body, {"Content-Type": "application/json"})


def _response(status: int, body: str, headers: dict[str, str]) -> dict[str, Any]:
    return {"statusCode": status, "headers": {**_SECURITY, **headers}, "body": body}
