"""X-Ray's trace header: one root per request, through the gateway, its execution and its functions.

ministack gives every invocation a root of its own; its gateway and Step Functions know none.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ministack.services import lambda_svc, stepfunctions

HEADER = "X-Amzn-Trace-Id"

_current: ContextVar[str | None] = ContextVar("current_trace", default=None)
_ROOT = re.compile(r"(?:^|;)\s*Root=(1-[0-9a-f]{8}-[0-9a-f]{24})\s*(?:;|$)", re.IGNORECASE)


def root_of(header: str | None) -> str:
    """The root that a trace header names, else the current one, else a new one."""
    named = _ROOT.search(header or "")
    if named:
        return named[1]
    return _current.get() or f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"


@contextmanager
def within(root: str) -> Iterator[None]:
    """Whatever starts inside, threads of executions included, belongs to this root."""
    token = _current.set(root)
    try:
        yield
    finally:
        _current.reset(token)


def header_of_invocation() -> str:
    """The value of `_X_AMZN_TRACE_ID` for one invocation: it is a segment of its own."""
    return f"Root={root_of(None)};Parent={secrets.token_hex(8)};Sampled=1"


def continued(handle: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A service's `handle_request` that continues its caller's trace, as functions' SDKs send it."""

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Any
    ) -> Any:
        with within(root_of(headers.get(HEADER.lower()))):
            return await handle(method, path, headers, body, query)

    return handle_request


def install() -> None:
    """Replace ministack's functions."""
    for service in (stepfunctions, lambda_svc):
        service.handle_request = continued(service.handle_request)
