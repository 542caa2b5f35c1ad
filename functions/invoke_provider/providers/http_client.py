"""What the adapters share whose SDK stands on httpx2: calls that end, and what a missing answer means."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import httpx2

from functions.invoke_provider.providers.base import CONNECT_TIMEOUT_S
from functions.invoke_provider.providers.chat_completions_stream import DONE
from functions.invoke_provider.providers.streams import Assembly, BrokenOff, Event, TooSilent
from functions.invoke_provider.providers.watched_call import Listening, Patience, watched
from functions.shared.errors import (
    EngineError,
    ProviderBadResponse,
    ProviderTimeout,
    ProviderUnavailable,
)

MAX_BODY_BYTES = 8 * 1024 * 1024
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)
_SSE = "text/event-stream"


class Streamed(Protocol):
    """An SDK's answer whose body is still to be read."""

    @property
    def http_response(self) -> httpx2.Response: ...


Create = Callable[..., AbstractContextManager[Streamed]]
"""An SDK's method with a streamed response."""


@dataclass(frozen=True)
class HttpCall:
    """Without an `assembly` the answer is to come as a whole."""

    create: Create
    arguments: Mapping[str, Any]
    patience: Patience
    assembly: Assembly | None

    def body(self) -> object:
        """The answer's, however it came. Raises what the SDK raises, `NO_ANSWER` and
        `ProviderBadResponse`."""
        assembly = self.assembly
        listening = Listening(self.patience, assembly)
        try:
            whole = watched(lambda: self._read(listening), listening)
        except (TooSilent, httpx2.HTTPError):
            if assembly is None or not assembly.whole:
                raise
            return assembly.body()
        if whole is not None or assembly is None:
            return whole
        if not assembly.whole:
            raise BrokenOff
        return assembly.body()

    def _read(self, listening: Listening) -> bytes | None:
        """None where the assembly has it."""
        patience = self.patience
        connect_s = min(CONNECT_TIMEOUT_S, patience.whole_s)
        timeout = httpx2.Timeout(patience.first_token_s, connect=connect_s)
        with self.create(**self.arguments, timeout=timeout) as answer:
            response = answer.http_response
            streamed = self.assembly is not None and _is_stream(response)
            listening.connected(lambda: _hang_up(response), streamed=streamed)
            _be_patient(response, patience.whole_s)
            if not streamed:
                return _read_whole(response)
            for event in _events(response):
                listening.take(event)
        return None


def unanswered(
    error: Exception, provider: str, timeouts: type[Exception], connections: type[Exception]
) -> EngineError:
    """What it means that no readable answer came; the SDK's own two classes are handed in."""
    if isinstance(error, _NOT_SENT) or isinstance(error.__cause__, _NOT_SENT):
        return ProviderUnavailable.unreached(provider)
    if isinstance(error, (timeouts, httpx2.TimeoutException, TooSilent)):
        return ProviderTimeout(f"{provider} did not answer in time.")
    if isinstance(error, (connections, httpx2.TransportError, BrokenOff)):
        return ProviderUnavailable.broken_off(provider)
    return ProviderBadResponse(f"{provider}'s answer cannot be read ({type(error).__name__}).")


def _is_stream(response: httpx2.Response) -> bool:
    """A server may know no streams, and answer as it always does."""
    kind, _, _ = response.headers.get("content-type", "").partition(";")
    return kind.strip().lower() == _SSE


def _be_patient(response: httpx2.Response, read_s: float) -> None:
    """The reads of the body have another limit than that of the head, which whoever listens keeps."""
    response.request.extensions.get("timeout", {})["read"] = read_s


def _events(response: httpx2.Response) -> Iterator[Event]:
    """Raises `ProviderBadResponse` for what is no JSON object, and where it is too much."""
    size = 0
    try:
        for event in httpx2.EventSource(response, MAX_BODY_BYTES):
            size += len(event.data)
            _check_size(size)
            if event.data.startswith(DONE):
                yield {"type": DONE}
            elif event.data:
                yield _read_event(event)
    except httpx2.SSEError:
        raise ProviderBadResponse("An event of the stream is far too long.") from None


def _read_event(event: httpx2.ServerSentEvent) -> Event:
    try:
        told = event.json()
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ProviderBadResponse("An event of the stream cannot be read.")
    return {"type": "error"} | told if event.event == "error" else told


def _read_whole(response: httpx2.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        _check_size(len(body))
    return bytes(body)


def _check_size(size: int) -> None:
    if size > MAX_BODY_BYTES:
        raise ProviderBadResponse("The provider's answer is far too long.")


def _hang_up(response: httpx2.Response) -> None:
    """Closing it would wait for the thread that reads; its read ends with the socket."""
    connection = response.extensions["network_stream"].get_extra_info("socket")
    connection.shutdown(socket.SHUT_RDWR)
