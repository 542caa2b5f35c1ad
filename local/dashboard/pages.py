"""What is served under /dashboard: the page, its files, the deployed body, and data of widgets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from functions.shared.gateway.problems import problems_of
from local.dashboard.data_request import DataRequest
from local.dashboard.deployed import NoDashboard, deployed
from local.dashboard.problem import BadWidget
from local.dashboard.widget_data import data_of
from local.paths import PROJECT

Answer = tuple[int, dict[str, str], bytes]

ROOT = "/dashboard"
DATA = f"{ROOT}/data"
"""Asked for by a post; what a page of another site must not do."""
_STATIC = Path(__file__).parent / "static"
# What both pages are made with; the console's bundle has its own copy.
_KIT = PROJECT / "functions" / "console" / "static"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FILES: Mapping[str, Path] = {
    **{file.name: file for file in _KIT.glob("kit[.-]*") if file.suffix in _TYPES},
    **{file.name: file for file in _STATIC.iterdir() if file.suffix in _TYPES},
    "": _STATIC / "index.html",
    "echarts.min.js": PROJECT / "node_modules" / "echarts" / "dist" / "echarts.min.js",
    "marked.js": PROJECT / "node_modules" / "marked" / "lib" / "marked.esm.js",
}
_HEADERS = {
    "cache-control": "no-cache",
    # ECharts writes the styles of its tooltips into their attributes.
    "content-security-policy": "default-src 'self'; img-src 'self' data:; "
    "style-src-attr 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
# Threads of their own: those that answer the API are never taken.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="dashboard")


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str, details: object = None) -> None:
        self.status = status
        self.error = {"code": code, "message": message} | ({"details": details} if details else {})


def is_for_dashboard(path: str) -> bool:
    """Whether the path is one of the page's."""
    return path == ROOT or path.startswith(f"{ROOT}/")


async def answer(
    method: str,
    path: str,
    query: Mapping[str, list[str]],
    content_type: str,
    body: bytes,
    *,
    known: str = "",
) -> Answer:
    """The answer to a request below /dashboard, made outside the event loop.

    `known` is the request's If-None-Match.
    """
    rest = path.removeprefix(ROOT).removeprefix("/")

    def made() -> Answer:
        match method, rest:
            case "POST", "data":
                return _json_answer(lambda: _data(content_type, body))
            case "GET", "body":
                return _json_answer(lambda: _body(query))
            case "GET" | "HEAD", name if name in _FILES:
                return _file(_FILES[name], known)
        return _json_answer(_unknown)

    return await asyncio.get_running_loop().run_in_executor(_threads, made)


def _file(file: Path, known: str) -> Answer:
    state = file.stat()
    etag = f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
    headers = {**_HEADERS, "content-type": _TYPES[file.suffix], "etag": etag}
    if etag in known:
        return 304, headers, b""
    return 200, headers, file.read_bytes()


def _body(query: Mapping[str, list[str]]) -> object:
    chosen = {name: values[-1] for name, values in query.items() if values[-1]}
    return deployed(chosen.pop("name", None), chosen)


def _data(content_type: str, body: bytes) -> object:
    # A page of another site can post anything but JSON.
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise _Refused(415, "unsupported_media_type", "Send the request as application/json.")
    return data_of(DataRequest.model_validate_json(body).shown())


def _unknown() -> object:
    raise _Refused(404, "not_found", "There is nothing here.")


def _json_answer(made: Callable[[], object]) -> Answer:
    status = 200
    try:
        content = made()
    except _ANSWERED as error:
        status, content = _failure(error)
    headers = {**_HEADERS, "cache-control": "no-store", "content-type": "application/json"}
    return status, headers, json.dumps(content, default=str).encode()


# Beside our own refusals, what a body that is not as CloudWatch documents it lets us stumble over:
# one widget of it must not break the others.
_ANSWERED = (
    _Refused,
    NoDashboard,
    BadWidget,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


def _failure(error: Exception) -> tuple[int, dict[str, Any]]:
    match error:
        case _Refused():
            refused = error
        case NoDashboard():
            refused = _Refused(404, "not_found", str(error))
        case BadWidget():
            refused = _Refused(400, "invalid_request", str(error))
        case ValidationError():
            details = problems_of(error, DataRequest)
            refused = _Refused(400, "invalid_request", "The request is not valid.", details)
        case _:
            message = f"{type(error).__name__}: {error}"
            refused = _Refused(500, "internal_error", message)
    return refused.status, {"success": False, "error": refused.error, "request_id": ""}
