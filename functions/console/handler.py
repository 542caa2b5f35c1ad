"""The files of the console, for anybody: the page holds no data, and its API wants a key."""

from __future__ import annotations

import json
from typing import Any

from functions.console.files import File, load_file
from functions.shared.errors import HTTP_STATUS, NotFound, error_body
from functions.shared.gateway.response_headers import OF_JSON, OF_PAGE
from functions.shared.request_ids import request_id_of


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    name = (event.get("pathParameters") or {}).get("file", "")
    file = load_file(name)
    if file is None:
        return _not_found(request_id_of(event["requestContext"]["extendedRequestId"]))
    headers = {**OF_PAGE, "ETag": file.etag}
    if _is_known(file, event.get("headers") or {}):
        return _response(304, "", headers)
    return _response(200, file.text, {**headers, "Content-Type": file.content_type})


def _is_known(file: File, headers: dict[str, str]) -> bool:
    known = next((text for name, text in headers.items() if name.lower() == "if-none-match"), "")
    return file.etag in [etag.strip().removeprefix("W/") for etag in known.split(",")]


def _not_found(request_id: str) -> dict[str, Any]:
    error = NotFound("There is no such path.")
    body = json.dumps(error_body(error, request_id))
    headers = {**OF_PAGE, **OF_JSON, "Content-Type": "application/json"}
    return _response(HTTP_STATUS[error.code], body, headers)


def _response(status: int, body: str, headers: dict[str, str]) -> dict[str, Any]:
    return {"statusCode": status, "headers": headers, "body": body}
