"""One attempt: a provider's call within its share of the deadline, and an answer that is fit to use."""

from __future__ import annotations

import json
import re
import time
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import Literal

from functions.invoke_provider.providers import Completion, Provider
from functions.shared.contracts import GenerateRequest, InvokeInput, ToolCall
from functions.shared.errors import DeadlineExceeded, EngineError, ProviderBadResponse
from functions.shared.pricing import Usage
from functions.shared.tokens import BYTES_PER_TOKEN

RECORDING_S = 1.0
"""Kept for recording the request and for the answer's way back; a tenth of a short deadline."""
NEXT_ATTEMPT_S = 4.0
NEXT_ATTEMPT_SHARE = 0.3
MIN_ATTEMPT_S = 0.5
MAX_ANSWER_BYTES = 200_000
"""Of JSON. A state holds at most 262,144 bytes; the rest is room for the routing facts."""


@dataclass(frozen=True)
class Served:
    """A completion with its accounting."""

    completion: Completion
    usage: Usage
    usage_source: Literal["provider", "estimated"]
    elapsed_ms: int


def serve(event: InvokeInput, provider: Provider) -> Served:
    """Raises `EngineError` only, with the time the attempt took."""
    timeout_s = attempt_timeout_s(event, time.time() * 1000)
    began = time.perf_counter()
    try:
        completion = fit(_complete(event, provider, timeout_s), event)
    except EngineError as error:
        error.elapsed_ms = _elapsed_ms(began)
        raise error.with_traceback(None) from None
    if completion.usage is not None:
        return Served(completion, completion.usage, "provider", _elapsed_ms(began))
    return Served(completion, estimated_usage(completion, event), "estimated", _elapsed_ms(began))


def attempt_timeout_s(event: InvokeInput, now_ms: float) -> float:
    """What is left of the deadline, less the time for recording and for the next candidate.

    Raises `DeadlineExceeded` where too little is left to be worth a paid call.
    """
    profile = event.profile
    whole_s = (profile.deadline_at_ms - profile.started_at_ms) / 1000
    left_s = (profile.deadline_at_ms - now_ms) / 1000 - min(RECORDING_S, whole_s / 10)
    if left_s < MIN_ATTEMPT_S:
        raise DeadlineExceeded("Too little of the request's deadline is left for an attempt.")
    if not event.remaining:
        return left_s
    # At least its four seconds for the next one, but never more than half: this one is the better.
    return left_s - max(NEXT_ATTEMPT_SHARE * left_s, min(NEXT_ATTEMPT_S, left_s / 2))


def _complete(event: InvokeInput, provider: Provider, timeout_s: float) -> Completion:
    request, task = event.request, event.profile.task
    if task == "sentiment":
        request = _without_forms(request)
    try:
        return provider.complete(request, event.candidate, task, timeout_s)
    except EngineError:
        raise
    except Exception as error:
        # Its text may hold the prompt or the key.
        name = type(error).__name__
        raise ProviderBadResponse(
            f"The {event.candidate.provider} adapter failed ({name})."
        ) from None


def _without_forms(request: GenerateRequest) -> GenerateRequest:
    """The sentiment task has a form of its own."""
    return request.model_copy(update={"tools": None, "tool_choice": None, "response_format": None})


def _elapsed_ms(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)


def estimated_usage(completion: Completion, event: InvokeInput) -> Usage:
    """For a provider that did not tell: the estimate routing went by, and the answer's bytes."""
    arguments = (call.function.name + call.function.arguments for call in completion.tool_calls)
    answered = sum(len(part.encode()) for part in (completion.text, *arguments))
    return Usage(
        input_tokens=event.profile.estimated_input_tokens,
        output_tokens=-(-answered // BYTES_PER_TOKEN),
    )


def fit(completion: Completion, event: InvokeInput) -> Completion:
    """The answer in the task's form, valid Unicode, and small enough for a state.

    Raises `ProviderBadResponse` where it is none of that and cannot be made so.
    """
    calls = [_well_formed_call(call) for call in completion.tool_calls]
    room = MAX_ANSWER_BYTES - sum(_json_bytes(call.model_dump_json()) for call in calls)
    if room < 0:
        raise ProviderBadResponse("The answer's tool calls are far too long.")
    text = _well_formed(completion.text)
    if event.profile.task == "sentiment":
        text = sentiment_json(text)
    fitting = _cut(text, room)
    finish = completion.finish_reason if fitting == text else "length"
    return replace(completion, text=fitting, tool_calls=calls, finish_reason=finish)


def _well_formed(text: str) -> str:
    """A lone half of a surrogate pair is legal in JSON, but not in the UTF-8 we answer with."""
    return text.encode("utf-8", "replace").decode()


def _well_formed_call(call: ToolCall) -> ToolCall:
    function = call.function.model_copy(update={"arguments": _well_formed(call.function.arguments)})
    return call.model_copy(update={"function": function})


def _json_bytes(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())


def _cut(text: str, room: int) -> str:
    if _json_bytes(text) <= room:
        return text
    ends = range(len(text) + 1)
    return text[: max(0, bisect_right(ends, room, key=lambda end: _json_bytes(text[:end])) - 1)]


_LABELS = {
    "positive": "positive",
    "pos": "positive",
    "negative": "negative",
    "neg": "negative",
    "neutral": "neutral",
    "mixed": "neutral",
}


def sentiment_json(text: str) -> str:
    """The contract's JSON from a model's free-handed one: fences, prose around it, odd case, percent.

    Raises `ProviderBadResponse`.
    """
    found = re.search(r"\{[^{}]*\}", text)
    try:
        told = json.loads(found[0] if found else "")
        label = _LABELS[str(told["sentiment"]).strip().lower()]
        confidence = _share(told["confidence"])
    except (ValueError, KeyError, TypeError):
        raise ProviderBadResponse("The answer is not the sentiment task's JSON.") from None
    return json.dumps({"sentiment": label, "confidence": confidence})


def _share(told: object) -> float:
    """Raises `ValueError` for what is neither in [0, 1] nor a percentage."""
    number = float(str(told).strip().removesuffix("%"))
    share = number / 100 if str(told).strip().endswith("%") or number > 1 else number
    if not 0 <= share <= 1:
        raise ValueError("confidence")
    return round(share, 4)
