"""What the adapters share whose SDK stands on httpx2: calls that end, and what a missing answer means."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

import httpx2

from functions.invoke_provider.providers.base import CONNECT_TIMEOUT_S
from functions.shared.errors import (
    EngineError,
    ProviderBadResponse,
    ProviderTimeout,
    ProviderUnavailable,
)

MAX_BODY_BYTES = 8 * 1024 * 1024
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)


class Streamed(Protocol):
    """An SDK's answer whose body is still to be read."""

    def iter_bytes(self) -> Iterator[bytes]: ...


def call_within(
    create: Callable[..., AbstractContextManager[Streamed]],
    timeout_s: float,
    arguments: Mapping[str, Any],
) -> bytes:
    """The body of an SDK's streamed call. Raises what the SDK raises, and as `read_within`."""
    ends_at = time.monotonic() + timeout_s
    timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s))
    with create(**arguments, timeout=timeout) as response:
        return read_within(response.iter_bytes(), ends_at)


def unanswered(
    error: Exception, provider: str, timeouts: type[Exception], connections: type[Exception]
) -> EngineError:
    """What it means that no readable answer came; the SDK's own two classes are handed in."""
    if isinstance(error, _NOT_SENT) or isinstance(error.__cause__, _NOT_SENT):
        return ProviderUnavailable.unreached(provider)
    if isinstance(error, (timeouts, httpx2.TimeoutException)):
        return ProviderTimeout(f"{provider} did not answer in time.")
    if isinstance(error, (connections, httpx2.TransportError)):
        return ProviderUnavailable.broken_off(provider)
    return ProviderBadResponse(f"{provider}'s answer cannot be read ({type(error).__name__}).")


def read_within(chunks: Iterable[bytes], ends_at: float) -> bytes:
    """A body, until `ends_at` on the monotonic clock.

    A client's read timeout bounds each read and starts anew with every byte, so a trickle needs
    this second clock. Raises `ProviderTimeout` and `ProviderBadResponse`.
    """
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if time.monotonic() > ends_at:
            raise ProviderTimeout("The provider's answer did not end in time.")
        if len(body) > MAX_BODY_BYTES:
            raise ProviderBadResponse("The provider's answer is far too long.")
    return bytes(body)
