"""A provider's call, watched from outside: whatever it hangs at, it ends in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from threading import Lock, Thread
from typing import TypeVar

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.streams import Assembly, Event, TooSilent
from functions.shared.errors import ProviderBadResponse
from functions.shared.silence_limits import SilenceLimits

_GRACE_S = 0.2
"""Before an answer begins the client's own timeouts come first: they tell a silent provider from one out of
reach, and close the connection."""
_REST_S = 1.0
"""How long the end of a stream, with its usage, may follow an answer that is whole."""

T = TypeVar("T")


class Left(Exception):
    """Nobody waits for this call any more."""


@dataclass(frozen=True)
class Patience:
    """Seconds: for the whole call, before its first token, between two, and while the model makes what it
    sends in one piece."""

    whole_s: float
    first_token_s: float
    between_tokens_s: float
    unseen_s: float

    @classmethod
    def of(cls, limits: SilenceLimits, model: CalledModel, timeout_s: float) -> Patience:
        reasoning, expected_ms = model.reasoning, model.time_to_first_token_ms
        between_s = limits.reasoning_between_tokens_s if reasoning else limits.between_tokens_s
        seconds = (
            limits.before_first_token_s(expected_ms, reasoning=reasoning),
            between_s,
            limits.reasoning_first_token_s,
        )
        return cls(timeout_s, *(min(timeout_s, limit_s) for limit_s in seconds))

    @classmethod
    def until(cls, timeout_s: float) -> Patience:
        """With an answer that comes as a whole."""
        return cls(timeout_s, timeout_s, timeout_s, timeout_s)


class Listening:
    """What the two threads of a call share: one reads the answer, the other one watches the clock."""

    def __init__(self, patience: Patience, assembly: Assembly | None = None) -> None:
        self._patience = patience
        self._assembly = assembly
        self._began_s = self._heard_s = time.monotonic()
        self._limit_s = patience.first_token_s if assembly else patience.whole_s
        self._grace_s = _GRACE_S
        self._lock = Lock()
        self._is_left = False
        self._hang_up: Callable[[], object] = lambda: None

    def connected(self, hang_up: Callable[[], object], *, streamed: bool) -> None:
        """An answer has begun; `hang_up` ends a read of the other thread. One that comes as a whole has
        until the call's end."""
        with self._lock:
            self._hang_up, self._grace_s = hang_up, 0
            if not streamed:
                self._limit_s = self._patience.whole_s

    def take(self, event: Event) -> None:
        """Raises `Left`, `ErrorInStream` and `ProviderBadResponse`."""
        with self._lock:
            assembly = self._assembly
            if self._is_left or assembly is None:
                raise Left
            was_whole = assembly.whole
            try:
                is_token = assembly.add(event)
            except (AttributeError, LookupError, TypeError, ValueError):
                raise ProviderBadResponse("An event of the stream cannot be read.") from None
            if is_token or assembly.whole > was_whole:
                self._heard_s = time.monotonic()
                self._limit_s = self._patience.between_tokens_s

    def left_s(self) -> float:
        """Until the next limit; below 0 where that has passed."""
        with self._lock:
            limit_s = self._limit_s
            if self._assembly is not None and self._assembly.whole:
                limit_s = _REST_S
            elif self._assembly is not None and self._assembly.unseen:
                limit_s = max(limit_s, self._patience.unseen_s)
            ends_s = min(self._began_s + self._patience.whole_s, self._heard_s + limit_s)
            return ends_s + self._grace_s - time.monotonic()

    def leave(self) -> None:
        with self._lock:
            self._is_left = True
            hang_up = self._hang_up
        with suppress(Exception):
            hang_up()


def watched(call: Callable[[], T], listening: Listening) -> T:
    """What the call returns or raises; `TooSilent` where a limit passes before.

    A client's read timeout bounds each read and starts anew with every byte: only from another thread can
    a trickle be left. The thread of a call that was left ends with its connection, or with its next byte.
    """
    outcome: Future[T] = Future()

    def settle() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # as concurrent.futures does: whoever waits is told
            outcome.set_exception(error)

    Thread(target=copy_context().run, args=(settle,), daemon=True).start()
    while not outcome.done():
        left_s = listening.left_s()
        if left_s <= 0:
            listening.leave()
            raise TooSilent
        wait([outcome], left_s)
    return outcome.result()
