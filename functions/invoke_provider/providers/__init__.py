"""The seam between the engine and a provider: one method, plain values.

Each adapter is its own module and the only one that imports its SDK.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Literal, Protocol

from functions.invoke_provider.called_model import CalledModel
from functions.shared.contracts.answer import DroppedParameter
from functions.shared.contracts.request import GenerateRequest, ToolCall
from functions.shared.settings import InvokeSettings
from functions.shared.vocabulary import Task, Usage

FinishReason = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True)
class Prompt:
    """The caller's request without what the model refuses of it, which is in `dropped`.

    `system` is the task's instruction in front of the caller's own system text.
    """

    request: GenerateRequest
    system: str
    task: Task
    version: str
    dropped: tuple[DroppedParameter, ...] = ()


@dataclass(frozen=True)
class Completion:
    """`usage` is None where the provider did not tell. An `unsure` answer is good only as the last resort."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: FinishReason
    usage: Usage | None
    unsure: bool = False


class Provider(Protocol):
    def complete(self, prompt: Prompt, candidate: CalledModel, timeout_s: float) -> Completion:
        """One call, without any retry. Raises the errors of `functions.shared.errors` only."""


_MODULES = {"local": "local_onnx"}
"""Where an adapter's module is not named like its provider."""


@lru_cache
def load_provider(settings: InvokeSettings) -> Provider:
    """The adapter of this function's provider, once per process."""
    name = _MODULES.get(settings.PROVIDER, settings.PROVIDER)
    module = import_module(f"{__name__}.{name}")
    provider: Provider = module.connect(settings)
    return provider
