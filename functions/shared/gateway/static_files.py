"""Files of a page, for anybody: no caller's data is in them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from functions.shared.errors import HTTP_STATUS, NotFound, error_body
from functions.shared.gateway.response_headers import OF_JSON, OF_PAGE
from functions.shared.request_ids import request_id_of

_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
}


@dataclass(frozen=True)
class _File:
    text: str
    content_type: str
    etag: str


def file_answer(event: dict[str, Any], path: Path | None) -> dict[str, Any]:
    """The file, nothing where the browser has it, and 404 without one."""
    if path is None:
        return _not_found(request_id_of(event["requestContext"]["extendedRequestId"]))
    file = _load(path)
    headers = {**OF_PAGE, "ETag": file.etag}
    if _is_known(file, event.get("headers") or {}):
        return _response(304, "", headers)
    return _response(200, file.text, {**headers, "Content-Type": file.content_type})


@lru_cache
def _load(path: Path) -> _File:
    content = path.read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return _File(content.decode(), _CONTENT_TYPES[path.suffix], etag)


def _is_known(file: _File, headers: dict[str, str]) -> bool:
    known = next((text for name, text in headers.items() if name.lower() == "if-none-match"), "")
    return file.etag in [etag.strip().removeprefix("W/") for etag in known.split(",")]


def _not_found(request_id: str) -> dict[str, Any]:
    error = NotFound("There is no such path.")
    body = json.dumps(error_body(error, request_id))
    headers = {**OF_PAGE, **OF_JSON, "Content-Type": "application/json"}
    return _response(HTTP_STATUS[error.code], body, headers)


def _response(status: int, body: str, headers: dict[str, str]) -> dict[str, Any]:
    return {"statusCode": status, "headers": headers, "body": body}
