"""The one address that clients know: http://127.0.0.1:<port>/api/… is the REST API's stage.

/console, where / leads, is the stage's own page without its name; /dashboard is drawn here.
Neither this port nor the emulator's answers to another site.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from ministack.services import apigateway_v1 as gateway

from local import doorkeeper
from local.dashboard import pages
from local.emulator.gateway import MAX_BODY_BYTES

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
Ask = Callable[[Message, bytes], Awaitable[tuple[int, dict[str, Any], bytes]]]

STAGE = "api"
CONSOLE = "console"
_OUTSIDE_THE_STAGE = "/outside"  # a resource that no API has: the gateway's own 404
_JSON = {"Content-Type": "application/json"}


def front_door(emulator: App, port: int) -> App:
    """An application that serves the API on `port` and the emulator on every other."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await emulator(scope, receive, send)
        elif not _is_let_in(scope, port):
            await _turn_away(scope, send)
        elif scope["server"][1] != port:
            await emulator(scope, receive, send)
        elif scope["type"] == "http":
            body = await _body(receive)
            await _answer(send, scope, await _asked(scope)(scope, body))

    return app


def _is_let_in(scope: Message, port: int) -> bool:
    if not doorkeeper.is_for_us(scope):
        return False
    # The API knows its callers by their keys; a page is opened by links of other sites, too.
    is_open = scope["server"][1] == port and scope["path"] != pages.DATA
    return is_open or not doorkeeper.is_from_elsewhere(scope)


async def _turn_away(scope: Message, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    port = scope["server"][1]
    message = (
        f"Only this machine is answered, at http://127.0.0.1:{port} or http://localhost:{port}."
    )
    await _answer(send, scope, (403, _JSON, _error("forbidden", message)))


def _error(code: str, message: str) -> bytes:
    error = {"code": code, "message": message}
    return json.dumps({"success": False, "error": error, "request_id": ""}).encode()


def _asked(scope: Message) -> Ask:
    """Who answers the request."""
    if pages.is_for_dashboard(scope["path"]):
        return _ask_dashboard
    if scope["path"] == "/" and scope["method"] in {"GET", "HEAD"}:
        return _show_console
    return _ask_gateway


async def _show_console(_scope: Message, _body: bytes) -> tuple[int, dict[str, Any], bytes]:
    return 307, {"location": f"/{CONSOLE}"}, b""


async def _body(receive: Receive) -> bytes:
    """The body, cut one byte after what the gateway accepts; the rest is read and dropped."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")[: MAX_BODY_BYTES + 1 - len(body)]
        if message["type"] != "http.request" or not message.get("more_body"):
            return bytes(body)


async def _ask_dashboard(scope: Message, body: bytes) -> tuple[int, dict[str, Any], bytes]:
    headers = _headers(scope)
    content_type, known = (headers.get(name, "") for name in ("content-type", "if-none-match"))
    method, path = scope["method"], scope["path"]
    return await pages.answer(method, path, _query(scope), content_type, body, known=known)


async def _ask_gateway(scope: Message, body: bytes) -> tuple[int, dict[str, Any], bytes]:
    api_id = _deployed_api()
    if api_id is None:
        message = "The local stack is still being deployed."
        return 503, _JSON, _error("internal_error", message)
    path = _path_in_stage(scope["path"])
    status, answer_headers, answer = await gateway.handle_execute(
        api_id, STAGE, scope["method"], path, _headers(scope), body, _query(scope)
    )
    return int(status), answer_headers, answer


def _path_in_stage(path: str) -> str:
    _, first, rest = (*path.split("/", 2), "")[:3]
    if first == CONSOLE:
        return path
    return f"/{rest}" if first == STAGE else _OUTSIDE_THE_STAGE


def _headers(scope: Message) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _query(scope: Message) -> dict[str, list[str]]:
    return parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _deployed_api() -> str | None:
    for (_account, _region, api_id), stages in list(gateway._stages_v1.all_items()):
        if STAGE in stages:
            return str(api_id)
    return None


async def _answer(send: Send, scope: Message, answer: tuple[int, dict[str, Any], bytes]) -> None:
    status, headers, body = answer
    fields = [
        (name.lower().encode("latin-1"), str(each).encode("latin-1", "replace"))
        for name, value in headers.items()
        if name.lower() != "content-length"
        for each in (value if isinstance(value, list) else [value])
    ]
    fields.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    body = b"" if scope["method"] == "HEAD" else body
    await send({"type": "http.response.body", "body": body})
