"""The seam between the engine and a provider: one method, two where it has vectors, and plain values.

Each adapter is its own module and the only one that imports its SDK.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from functions.invoke_provider.called_model import CalledModel
from functions.shared.contracts.answer import DroppedParameter
from functions.shared.contracts.embedding import EmbeddingRequest
from functions.shared.contracts.request import GenerateRequest, ToolCall
from functions.shared.vocabulary import TextTask, Usage

CONNECT_TIMEOUT_S = 5.0
"""At most so much of an attempt's time is spent on reaching the provider."""

FinishReason = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True)
class Prompt:
    """The caller's request as the model takes it; what was left out or reshaped is in `dropped`.

    `system` is the task's instruction in front of the caller's own system text, and has the answer's
    schema in it where that is `schema_in_words`.
    """

    request: GenerateRequest
    system: str
    task: TextTask
    version: str
    dropped: tuple[DroppedParameter, ...] = ()
    schema_in_words: bool = False


@dataclass(frozen=True)
class Completion:
    """`usage` is None where the provider did not tell it readably. An `unsure` answer is good only as
    the last resort."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: FinishReason
    usage: Usage | None
    unsure: bool = False


@dataclass(frozen=True)
class Embedded:
    """A packed vector for each input, in their order; `usage` as a completion's."""

    vectors: tuple[str, ...]
    usage: Usage | None


class ProviderAdapter(Protocol):
    def complete(self, prompt: Prompt, model: CalledModel, timeout_s: float) -> Completion:
        """One call, without any retry. Raises the errors of `functions.shared.errors` only, each of
        which says whether the call was billed, and with which usage where the provider told."""


@runtime_checkable
class EmbeddingAdapter(Protocol):
    """A provider that makes vectors, too."""

    def embed(self, request: EmbeddingRequest, model: CalledModel, timeout_s: float) -> Embedded:
        """The same for vectors: each input once, without any retry."""
