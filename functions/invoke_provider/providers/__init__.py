"""The seam between the engine and a provider: one call in our terms, in and out."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, Protocol, cast

from functions.shared.contracts import Candidate, GenerateRequest, Task, ToolCall
from functions.shared.pricing import Usage
from functions.shared.settings import InvokeSettings

FinishReason = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True)
class Completion:
    """What a provider answered. `usage` is None where it did not tell."""

    text: str
    finish_reason: FinishReason
    usage: Usage | None
    tool_calls: list[ToolCall] = field(default_factory=list)


class Provider(Protocol):
    def complete(
        self, request: GenerateRequest, candidate: Candidate, task: Task, timeout_s: float
    ) -> Completion:
        """One call, never repeated in here. Raises `EngineError` and nothing else on purpose."""
        ...


class _Adapter(Protocol):
    def connect(self, settings: InvokeSettings) -> Provider: ...


@lru_cache
def load_provider(settings: InvokeSettings) -> Provider:
    """Imports the one adapter this function is for, and with it the one SDK."""
    module = importlib.import_module(f"{__name__}.{settings.PROVIDER}")
    return cast(_Adapter, module).connect(settings)
