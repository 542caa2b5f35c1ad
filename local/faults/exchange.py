"""An exchange in front of aimock: it spoils answers, and keeps a ledger of what the providers bill."""

from __future__ import annotations

import json
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

import requests

from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.pricing import cost_nano_usd
from functions.shared.vocabulary import Api, Provider, Usage
from local.faults.fixtures import context_of
from local.faults.kinds import PROCESSED, REMOTE, WELL, Fault
from local.faults.streams import FRAMES, SSE, failure, streamed
from local.faults.wire import (
    Body,
    api_of,
    as_refusal,
    as_whole,
    bedrock_refusal,
    in_tier,
    is_streamed,
    model_of,
    usage_of,
    whole_path,
    with_usage,
)

HOST = "127.0.0.1"
_MARK = re.compile(rb"\(call ([\w.-]+)\)")
_HTML = b"<!doctype html><title>One moment</title><h1>One moment, please</h1>"
_RESET = struct.pack("ii", 1, 0)
"""Closing then drops what was not read yet, and tells the other side so."""
_LOOKS_S = 0.1
_LONGEST_S = 300.0
"""More than any attempt takes."""
_IMPOSSIBLE_TOKENS = 10**12
_FALSE_USAGES: Mapping[str, Usage | None] = {
    "no_usage": None,
    "zero_usage": Usage(),
    "impossible_usage": Usage(input_tokens=_IMPOSSIBLE_TOKENS, output_tokens=1),
}
_CATALOGUE_IDS = {
    (model.provider, model.provider_model_id): model.id for model in load_catalogue().models
}


def marked(text: str, mark: str) -> str:
    """A prompt by which the exchange knows whose call it is."""
    return f"{text}\n\n(call {mark})"


@dataclass
class LedgerCall:
    """A call as its provider has it in its books. `number` counts those of the same request from 0; without a
    `usage` it is not billed. `told` is whether the gateway got a usage that is true."""

    provider: Provider
    api: Api
    model: str
    mark: str
    number: int
    fault: Fault = WELL
    usage: Usage | None = None
    told: bool = False

    @property
    def catalogue_id(self) -> str:
        return _CATALOGUE_IDS[self.provider, self.model]

    @property
    def cost_nano_usd(self) -> int:
        if self.usage is None:
            return 0
        return cost_nano_usd(self.catalogue_id, self.usage, datetime.now(UTC).date())


Draw = Callable[[LedgerCall], Fault]
Kill = Callable[[int, int], None]
"""Ends the process that holds the connection from one port to another."""
Watch = Callable[[LedgerCall, int, int], object]
"""Is told of a call and of its connection's two ports before it is answered, and may let it wait."""


def _looks_away(_call: LedgerCall, _its_port: int, _our_port: int) -> None:
    """Does nothing."""


@dataclass
class Exchange:
    """One server for each provider, so that the port tells whose call it is."""

    simulator: str
    draw: Draw
    kill: Kill
    ports: Mapping[Provider, int] = field(default_factory=dict)
    calls: list[LedgerCall] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    session: requests.Session = field(default_factory=requests.Session)
    watch: Watch = _looks_away
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _servers: dict[Provider, Server] = field(default_factory=dict)

    @contextmanager
    def serving(self) -> Iterator[Exchange]:
        """Raises OSError where a port is taken."""
        # Never by way of a proxy: aimock is on this machine.
        self.session.trust_env = False
        try:
            for provider in REMOTE:
                self.open(provider)
            yield self
        finally:
            self.ended.set()
            for provider in list(self._servers):
                self.close(provider)

    def open(self, provider: Provider) -> None:
        server = Server((HOST, self.ports.get(provider, 0)), partial(_Handler, self, provider))
        self._servers[provider] = server
        self.ports = {**self.ports, provider: server.server_port}
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self, provider: Provider) -> None:
        """From now on its connections are refused; what has come in already is answered."""
        self._servers.pop(provider).close_after_backlog()

    def entered(self, provider: Provider, path: str, raw: bytes) -> LedgerCall:
        """The call in the ledger, with the fault that is drawn for it."""
        found = _MARK.search(raw)
        mark = found[1].decode() if found else ""
        with self._lock:
            number = sum(one.mark == mark for one in self.calls)
            model = model_of(path, json.loads(raw))
            call = LedgerCall(provider, api_of(path), model, mark, number)
            call.fault = self.draw(call)
            self.calls.append(call)
        return call

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a stack whose providers are here."""
        return variables_at(self.ports)


def variables_at(ports: Mapping[str, int]) -> dict[str, str]:
    """The environment of a stack whose remote providers listen on these ports."""
    at = {provider: f"http://{HOST}:{port}" for provider, port in ports.items()}
    return {
        "OPENAI_API_KEY": "sk-of-the-exchange",
        "OPENAI_BASE_URL": f"{at['openai']}/v1",
        "AZURE_OPENAI_API_KEY": "azure-key-of-the-exchange",
        "AZURE_OPENAI_ENDPOINT": at["azure_openai"],
        "ANTHROPIC_API_KEY": "sk-ant-of-the-exchange",
        "ANTHROPIC_BASE_URL": at["anthropic"],
        "BEDROCK_ENABLED": "1",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": at["bedrock"],
        "BEDROCK_STREAM": "1",
        "MOCK_PROVIDERS": "never",
    }


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    timeout = 0

    def close_after_backlog(self) -> None:
        """A connection that the system has taken already would be reset, not refused."""
        self.shutdown()
        while select.select([self.socket], [], [], 0)[0]:
            self.handle_request()
        self.server_close()


class CallHandler(BaseHTTPRequestHandler):
    """Of one call for each connection, about which it says nothing."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def read_body(self) -> bytes:
        self.close_connection = True
        return self.rfile.read(int(self.headers["content-length"]))


class _Handler(CallHandler):
    def __init__(self, exchange: Exchange, provider: Provider, *arguments: Any) -> None:
        self._exchange = exchange
        self._provider = provider
        super().__init__(*arguments)

    def do_POST(self) -> None:
        raw = self.read_body()
        asked = json.loads(raw)
        self._is_streamed = is_streamed(self.path, asked)
        call = self._exchange.entered(self._provider, self.path, raw)
        self._exchange.watch(call, self.client_address[1], self._exchange.ports[self._provider])
        answer = self._simulated(call, as_whole(asked))
        with suppress(OSError):
            if answer.ok:
                self._bill(call, raw, answer)
            else:
                self._refuse(call, raw, answer)

    def _simulated(self, call: LedgerCall, asked: Body) -> requests.Response:
        """Aimock's own answer, as a whole; a refusal is in its words, too."""
        refused = self._provider in call.fault.refusals
        name = context_of(call.fault.name, self._provider) if refused else call.fault.name
        return self._exchange.session.post(
            self._exchange.simulator + unquote(whole_path(self.path)),
            data=json.dumps(asked).encode(),
            headers={"Content-Type": "application/json", "X-AIMock-Context": name},
            timeout=30,
        )

    def _refuse(self, call: LedgerCall, raw: bytes, answer: requests.Response) -> None:
        if call.fault is WELL:
            raise LookupError(f"aimock answers {answer.status_code}: {answer.text[:200]}")
        headers: dict[str, str] = {}
        body = answer.content
        if self._provider == "bedrock":
            headers, body = bedrock_refusal(body)
        if (self._provider, call.fault.name) in PROCESSED:
            call.usage = usage_of(raw, {})
        if wait_s := call.fault.refusals[self._provider].retry_after_s:
            headers["Retry-After"] = str(wait_s)
        self._send(answer.status_code, body, headers)

    def _bill(self, call: LedgerCall, raw: bytes, simulated: requests.Response) -> None:
        """Whatever becomes of the answer, it was made."""
        answer: Body = simulated.json()
        call.usage = _billed(call, usage_of(raw, answer))
        told = _FALSE_USAGES.get(call.fault.name, call.usage)
        body = with_usage(answer, call.api, told)
        match call.fault.name:
            case "refusal_in_answer":
                body = as_refusal(body, call.api)
            case "priority_tier":
                body = in_tier(body, call.api, "priority")
        self._end(call, streamed(body, call.api) if self._is_streamed else [_as_json(body)])

    def _end(self, call: LedgerCall, events: list[bytes]) -> None:
        body = b"".join(events)
        half = len(body) // 2
        match call.fault.ending, call.fault.name:
            case "hangs", _:
                self._wait_until_left()
            case "stalls", _:
                self._send(200, body, cut_at=half)
                self._wait_until_left()
            case "errs", _ if self._is_streamed:
                begun = b"".join(events[: len(events) // 2])
                self._send(200, begun + failure(call.api))
            case "breaks off" | "errs", _:
                self._send(200, body, cut_at=half)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            case "trickles", _:
                self._trickle(body)
            case "kills", _:
                self._exchange.kill(self.client_address[1], self._exchange.ports[self._provider])
                self._wait_until_left()
            case _, "cut_json":
                self._send(200, body[:half])
            case _, "html":
                self._is_streamed = False
                self._send(200, _HTML, {"Content-Type": "text/html"})
            case _:
                call.told = call.fault.told and not self._is_left()
                self._send(200, body)

    def _send(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str] = MappingProxyType({}),
        cut_at: int | None = None,
    ) -> None:
        fields = {"Content-Type": "application/json", "Connection": "close"} | dict(headers)
        self._in_chunks = self._is_streamed and status == HTTPStatus.OK
        if self._in_chunks:
            kind = FRAMES if self._provider == "bedrock" else SSE
            fields |= {"Content-Type": kind, "Transfer-Encoding": "chunked"}
        else:
            fields["Content-Length"] = str(len(body))
        self.send_response_only(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self._write(body[:cut_at])
        if self._in_chunks and cut_at is None:
            self.wfile.write(b"0\r\n\r\n")

    def _write(self, part: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if self._in_chunks else part)
        self.wfile.flush()

    def _trickle(self, body: bytes) -> None:
        """Far too slow for any deadline."""
        self._send(200, body, cut_at=1)
        for at in range(1, len(body)):
            time.sleep(_LOOKS_S)
            if self._is_left() or self._exchange.ended.is_set():
                return
            self._write(body[at : at + 1])

    def _wait_until_left(self) -> None:
        ends = time.monotonic() + _LONGEST_S
        while not (self._is_left() or self._exchange.ended.wait(_LOOKS_S)):
            if time.monotonic() > ends:
                return

    def _is_left(self) -> bool:
        """Whether the gateway has closed the connection."""
        # Unlike select, it knows descriptors beyond the first 1,024.
        looking = select.poll()
        looking.register(self.connection, select.POLLIN)
        if not looking.poll(0):
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True


def _as_json(body: Body) -> bytes:
    return json.dumps(body).encode()


def _billed(call: LedgerCall, usage: Usage) -> Usage:
    """What it is for, where the fault is of that kind. Anthropic's `priority` is capacity that was paid for
    ahead, and has no rates of its own."""
    if call.fault.name == "priority_tier" and call.api != "messages":
        return usage.model_copy(update={"tier": "priority"})
    if call.fault.name != "cache":
        return usage
    read, written = usage.input_tokens // 2, usage.input_tokens // 4
    return usage.model_copy(
        update={
            "input_tokens": usage.input_tokens - read - written,
            "cached_input_tokens": read,
            "cache_write_tokens": written,
        }
    )
