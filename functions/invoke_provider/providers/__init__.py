"""The seam between the engine and a provider: one method, plain values.

Each adapter is its own module and the only one that imports its SDK.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Literal, Protocol

from functions.shared.contracts import Candidate, GenerateRequest, Task, ToolCall
from functions.shared.pricing import Usage
from functions.shared.settings import InvokeSettings

FinishReason = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True)
class Prompt:
    """The caller's request with the task's instruction in front of the caller's own system text."""

    request: GenerateRequest
    system: str
    task: Task


@dataclass(frozen=True)
class Completion:
    """`usage` is None where the provider did not tell."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: FinishReason
    usage: Usage | None


class Provider(Protocol):
    def complete(self, prompt: Prompt, candidate: Candidate, timeout_s: float) -> Completion:
        """One call, without any retry. Raises the errors of `functions.shared.errors` only."""


@lru_cache
def load_provider(settings: InvokeSettings) -> Provider:
    """The adapter of this function's provider, once per process."""
    module = import_module(f"{__name__}.{settings.PROVIDER}")
    provider: Provider = module.connect(settings)
    return provider
