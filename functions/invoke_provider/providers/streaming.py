"""Whether a provider is asked for a stream, and what is done where it has none."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.watched_call import Patience
from functions.shared.settings import InvokeSettings
from functions.shared.silence_limits import SilenceLimits

_REFUSED = frozenset({400, 403, 404, 422, 501})

T = TypeVar("T")


class StreamRefused(Exception):
    """A provider that would not answer as a stream; the cause is how its SDK says so."""


@dataclass(frozen=True)
class Streaming:
    """`on` is the stage's wish; a model that refuses streams alone is no more asked for any."""

    on: bool = True
    limits: SilenceLimits = field(default_factory=SilenceLimits)
    _whole_only: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, settings: InvokeSettings) -> Streaming:
        return cls(settings.STREAM, settings.SILENCE_LIMITS)

    def asked(self, model: CalledModel, timeout_s: float, ask: Callable[[Patience, bool], T]) -> T:
        """What `ask` returns or raises; it is told whether to stream, and raises `StreamRefused` at most
        then."""
        if not (self.on and model.streamed) or model.id in self._whole_only:
            return ask(Patience.until(timeout_s), False)
        began_s = time.monotonic()
        try:
            return ask(Patience.of(self.limits, model, timeout_s), True)
        except StreamRefused:
            left_s = timeout_s - (time.monotonic() - began_s)
        answer = ask(Patience.until(left_s), False)
        self._whole_only.add(model.id)
        return answer


def is_about_streams(status: int, reason: str) -> bool:
    """Whether a refusal is of the stream alone: of an organisation that is not verified, of servers that do
    not know `stream_options`, of models on Bedrock that call no tools in a stream."""
    return status in _REFUSED and "stream" in reason.lower()
