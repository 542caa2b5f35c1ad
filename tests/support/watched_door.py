"""A way to a stack's API that reads along: whatever client goes by it, each body has to be one of OpenAI's API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from tests.support.openai_description import problems

_HOST = "127.0.0.1"
_OF_A_HOP = frozenset(
    ("connection", "content-encoding", "content-length", "host", "transfer-encoding")
)
_DONE = "[DONE]"


@dataclass(frozen=True)
class Passed:
    """An answer that went by."""

    verb: str
    path: str
    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def is_stream(self) -> bool:
        return self.headers["content-type"].startswith("text/event-stream")

    def problems(self) -> list[str]:
        found = self._problems_of_stream() if self.is_stream else problems(self.body, self._schema)
        return [f"{self.verb} {self.path} {self.status}: {one}" for one in found]

    @property
    def _schema(self) -> str:
        if self.status >= 400:
            return "ErrorResponse"
        match self.path.strip("/").split("/"):
            case ["models"]:
                return "ListModelsResponse"
            case ["models", *_]:
                return "Model"
            case ["responses", *_]:
                return "Response"
            case ["embeddings"]:
                return "CreateEmbeddingResponse"
            case _:
                return "CreateChatCompletionResponse"

    def _problems_of_stream(self) -> list[str]:
        events = [_event(one) for one in self.text.split("\n\n") if one]
        if self.path == "/responses":
            return list(_problems_of_responses(events))
        said = [told for _, told in events]
        ends = [] if said[-1] == _DONE else ["the stream does not end in [DONE]"]
        schema = "CreateChatCompletionStreamResponse"
        chunks = [json.loads(one) for one in said if one != _DONE]
        return [*ends, *(each for one in chunks for each in problems(one, schema))]


def _event(told: str) -> tuple[str, str]:
    """Its name and what it says."""
    fields = dict(line.split(": ", 1) for line in told.splitlines() if not line.startswith(":"))
    return fields.get("event", ""), fields["data"]


def _problems_of_responses(events: list[tuple[str, str]]) -> Iterator[str]:
    for number, (name, told) in enumerate(one for one in events if one[1] != _DONE):
        event = json.loads(told)
        if (event["type"], event["sequence_number"]) != (name, number):
            yield f"event {number} is {name}, and says {event['type']} {event['sequence_number']}"
        yield from problems(event, "ResponseStreamEvent")


@dataclass
class WatchedDoor:
    """`target` is the stack's base URL, and `base_url` that of the way to it."""

    target: str
    base_url: str = ""
    passed: list[Passed] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator[WatchedDoor]:
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Nothing."""

            def do_GET(self) -> None:
                door.let_pass(self)

            def do_POST(self) -> None:
                door.let_pass(self)

        server = ThreadingHTTPServer((_HOST, 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.base_url = f"http://{_HOST}:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def problems(self) -> list[str]:
        return [problem for one in self.passed for problem in one.problems()]

    def let_pass(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        headers = {
            name: told for name, told in handler.headers.items() if name.lower() not in _OF_A_HOP
        }
        url = self.target + handler.path
        answer = requests.request(handler.command, url, data=raw, headers=headers, timeout=60)
        told = {name.lower(): value for name, value in answer.headers.items()}
        path = handler.path.partition("?")[0]
        self.passed.append(
            Passed(handler.command, path, answer.status_code, told, answer.content.decode())
        )
        handler.send_response(answer.status_code)
        for name, value in told.items():
            if name not in _OF_A_HOP | {"date", "server"}:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.content)))
        handler.end_headers()
        handler.wfile.write(answer.content)
