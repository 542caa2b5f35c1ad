"""What an answer comes to, whichever interface it is of: the calls in it, and how it ended."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from functions.invoke_provider.providers.base import Completion, FinishReason
from functions.shared.contracts.request import FunctionCall, ToolCall
from functions.shared.errors import ContentFiltered, ProviderBadResponse
from functions.shared.vocabulary import Usage

_WHOLE = frozenset(
    (
        "stop", "completed", "complete", "end_turn", "stop_sequence", "eos", "eos_token",
        "tool_calls", "tool_call", "tool_use", "function_call",
    )
)  # fmt: skip
_CUT = frozenset(
    (
        "length", "max_tokens", "max_output_tokens", "model_length", "incomplete",
        "model_context_window_exceeded",
    )
)  # fmt: skip
_FILTERED = frozenset(
    (
        "content_filter", "content_filtered", "guardrail_intervened", "refusal", "safety",
        "recitation", "blocklist", "prohibited_content", "spii", "sensitive", "error_toxic",
    )
)  # fmt: skip
"""Of the four interfaces, and of servers that speak OpenAI's with words of their own: Gemini's upper-case
ones among them, Mistral's `model_length`, Zhipu's `sensitive`, Cohere's `ERROR_TOXIC`."""

_ID_BYTES = 12


def completed(
    text: str, calls: Iterable[ToolCall], ended: str | None, usage: Usage | None, provider: str
) -> Completion:
    """The answer, whose end is derived from what is in it and from the provider's word for it.

    Raises `ContentFiltered`, and `ProviderBadResponse` for an end that nobody knows and for an answer that
    says nothing. One that is cut may say nothing: its tokens went into reasoning, and are paid.
    """
    is_cut = _is_cut(ended, provider)
    distinct = tuple(_distinct(calls))
    if not (text.strip() or distinct or is_cut):
        raise ProviderBadResponse(f"{provider}'s answer is empty.")
    finish: FinishReason = "length" if is_cut else "tool_calls" if distinct else "stop"
    return Completion(text, distinct, finish, usage)


def _is_cut(ended: str | None, provider: str) -> bool:
    # Gemini puts its own word behind OpenAI's: "content_filter: RECITATION".
    word = (ended or "stop").partition(":")[0].strip().lower()
    if word in _FILTERED:
        raise ContentFiltered(f"{provider} refused the request on policy.")
    if word not in _WHOLE | _CUT:
        raise ProviderBadResponse(f"{provider}'s answer ended for no reason that is known.")
    return word in _CUT


def tool_call(call_id: str | None, name: str | None, arguments: Any, provider: str) -> ToolCall:
    """`arguments` as JSON text or as the value itself. Raises `ProviderBadResponse` where it names no
    function."""
    try:
        function = FunctionCall(name=name or "", arguments=_arguments(arguments))
        return ToolCall(id=(call_id or "").strip() or _new_id(), function=function)
    except (ValidationError, RecursionError):
        raise ProviderBadResponse(f"{provider}'s tool call names no function.") from None


def _arguments(told: Any) -> str:
    text = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
    return "{}" if text.strip() in {"", "null"} else text


def _new_id() -> str:
    return f"call_{secrets.token_hex(_ID_BYTES)}"


def _distinct(calls: Iterable[ToolCall]) -> Iterator[ToolCall]:
    """A result names its call by the id alone."""
    seen: set[str] = set()
    for call in calls:
        yield call.model_copy(update={"id": _new_id()}) if call.id in seen else call
        seen.add(call.id)
