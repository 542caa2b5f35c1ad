"""Every remote provider at once, which answer each call as its request's script says, and keep a journal."""

import json
import re
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal
from urllib.parse import unquote

from functions.shared.vocabulary import Api, Provider
from local.faults.exchange import HOST, CallHandler, Server, variables_at
from local.faults.streams import FRAMES, SSE, frames, sse, streamed
from tests.support.provider_wire import Told, whole

_MARK = re.compile(rb"\(script ([\w.-]+)\)")
_RESET = struct.pack("ii", 1, 0)
"""Closing then drops what was not read yet, and tells the other side so."""
_APIS: Mapping[str, Api] = {
    "/chat/completions": "chat_completions",
    "/responses": "responses",
    "/messages": "messages",
    "/converse": "converse",
    "/converse-stream": "converse",
}
_FAILURES: Mapping[Api, bytes] = {
    "chat_completions": sse({"error": {"type": "server_error", "code": None, "message": "No."}}),
    "responses": sse({"type": "error", "code": "server_error", "message": "No.", "param": None}),
    "messages": sse({"type": "error", "error": {"type": "api_error", "message": "No."}}),
    "converse": frames({"modelStreamErrorException": {"message": "No."}}),
}
"""An error in place of a stream's rest."""
_LONGEST_S = 60
"""A silence that no attempt outlasts."""


@dataclass(frozen=True)
class Call:
    """`number` counts the calls of the same script, and `of_model` those of the same model, from 0."""

    provider: str
    api: Api
    model: str
    body: dict[str, Any]
    streams: bool
    number: int
    of_model: int


@dataclass(frozen=True)
class Refused:
    """A status that is no success, with the provider's body."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """An answer that does not come whole: `silent` sends nothing at all, `reset` breaks the connection
    before a byte, `cut` ends in the middle as if that were all, `failed` has an error in place of its
    rest, `odd` is a page for people."""

    how: Literal["silent", "reset", "cut", "failed", "odd"]


Reply = Told | Refused | Ended
Script = Callable[[Call], Reply]


def scripted(text: str, mark: str) -> str:
    """A prompt by which the providers know whose call it is."""
    return f"{text}\n\n(script {mark})"


class ScriptedProviders:
    """One server for each provider: the port tells whose call it is, and can be closed alone."""

    def __init__(self, providers: tuple[str, ...]) -> None:
        self.scripts: dict[str, Script] = {}
        self.calls: dict[str, list[Call]] = defaultdict(list)
        self.ports: dict[str, int] = {}
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self._servers: dict[str, Server] = {}
        for provider in providers:
            self.open(provider)

    def open(self, provider: str) -> None:
        address = (HOST, self.ports.get(provider, 0))
        server = Server(address, partial(_Handler, self, provider))
        self._servers[provider], self.ports[provider] = server, server.server_port
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self, provider: str) -> None:
        """From now on its connections are refused."""
        server = self._servers.pop(provider)
        server.close_after_backlog()

    def end(self) -> None:
        self.ended.set()
        for provider in list(self._servers):
            self.close(provider)

    def reply(self, provider: str, path: str, raw: bytes) -> tuple[Call, Reply]:
        """Enters the call into the journal; without a script it is answered."""
        found = _MARK.search(raw)
        mark = found[1].decode() if found else ""
        with self._lock:
            before = self.calls[mark]
            call = _call(provider, path, json.loads(raw), before)
            before.append(call)
        script = self.scripts.get(mark)
        return call, script(call) if script else Told()

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a stack whose built-in providers are here."""
        return variables_at(self.ports) | {
            "GEMINI_API_KEY": "gemini-key-of-the-script",
            "GEMINI_BASE_URL": f"http://{HOST}:{self.ports['gemini']}/v1beta/openai/",
        }


def _call(provider: str, path: str, body: dict[str, Any], before: list[Call]) -> Call:
    path = unquote(path.partition("?")[0])
    api = next(api for end, api in _APIS.items() if path.endswith(end))
    named = re.search(r"/model/(.+)/converse", path)
    model = named[1] if named else str(body["model"])
    streams = path.endswith("-stream") or bool(body.get("stream"))
    of_model = sum((one.provider, one.model) == (provider, model) for one in before)
    return Call(provider, api, model, body, streams, len(before), of_model)


@contextmanager
def serving(*providers: Provider | str) -> Iterator[ScriptedProviders]:
    made = ScriptedProviders(providers)
    try:
        yield made
    finally:
        made.end()


class _Handler(CallHandler):
    def __init__(self, providers: ScriptedProviders, provider: str, *arguments: Any) -> None:
        self._providers = providers
        self._provider = provider
        super().__init__(*arguments)

    def do_POST(self) -> None:
        raw = self.read_body()
        call, reply = self._providers.reply(self._provider, self.path, raw)
        with suppress(OSError):
            self._send(call, reply)

    def _send(self, call: Call, reply: Reply) -> None:
        match reply:
            case Told():
                self._write(200, _kind(call), _events(call, reply))
            case Refused():
                body = json.dumps(reply.body).encode()
                self._write(reply.status, "application/json", [body], reply.headers)
            case Ended("silent"):
                self._providers.ended.wait(_LONGEST_S)
            case Ended("reset"):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            case Ended("odd"):
                self._write(200, "text/html", [b"<!doctype html><title>Sign in</title>"])
            case Ended("cut"):
                self._write(200, _kind(call), _half(_events(call, Told())))
            case Ended("failed"):
                begun = _half(_events(call, Told()))
                self._write(200, _kind(call), [*begun, _FAILURES[call.api]])

    def _write(
        self, status: int, kind: str, pieces: list[bytes], headers: Mapping[str, str] | None = None
    ) -> None:
        """The connection's end is the body's: a stream has no length."""
        self.send_response_only(status)
        for name, value in {"Content-Type": kind, "Connection": "close", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)
            self.wfile.flush()


def _kind(call: Call) -> str:
    if not call.streams:
        return "application/json"
    return FRAMES if call.api == "converse" else SSE


def _events(call: Call, told: Told) -> list[bytes]:
    answer = whole(call.api, told)
    return streamed(answer, call.api) if call.streams else [json.dumps(answer).encode()]


def _half(pieces: list[bytes]) -> list[bytes]:
    """Of a stream whole events, of anything else half of its bytes."""
    if len(pieces) > 1:
        return pieces[: len(pieces) // 2]
    return [pieces[0][: len(pieces[0]) // 2]]
