"""The one address that clients know: http://127.0.0.1:<port>/api/… is the REST API's stage."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from ministack.services import apigateway_v1 as gateway

from local.emulator.gateway import MAX_BODY_BYTES

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

STAGE = "api"
_OUTSIDE_THE_STAGE = "/outside"  # a resource that no API has: the gateway's own 404
_NOT_YET = {
    "success": False,
    "error": {"code": "internal_error", "message": "The local stack is still being deployed."},
    "request_id": "",
}


def front_door(emulator: App, port: int) -> App:
    """An application that serves the API on `port` and the emulator on every other."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["server"][1] != port:
            await emulator(scope, receive, send)
        elif scope["type"] == "http":
            await _answer(send, scope, await _ask_gateway(scope, await _body(receive)))

    return app


async def _body(receive: Receive) -> bytes:
    """The body, cut one byte after what the gateway accepts; the rest is read and dropped."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")[: MAX_BODY_BYTES + 1 - len(body)]
        if message["type"] != "http.request" or not message.get("more_body"):
            return bytes(body)


async def _ask_gateway(scope: Message, body: bytes) -> tuple[int, dict[str, Any], bytes]:
    api_id = _deployed_api()
    if api_id is None:
        return 503, {"Content-Type": "application/json"}, json.dumps(_NOT_YET).encode()
    _, stage, path = (*scope["path"].split("/", 2), "")[:3]
    path = f"/{path}" if stage == STAGE else _OUTSIDE_THE_STAGE
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    status, answer_headers, answer = await gateway.handle_execute(
        api_id, STAGE, scope["method"], path, headers, body, query
    )
    return int(status), answer_headers, answer


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
