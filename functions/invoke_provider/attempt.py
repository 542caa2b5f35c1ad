"""One attempt: a call of one provider that ends in time for the request's deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from functions.invoke_provider.answer import answer_of
from functions.invoke_provider.billing import call_of, estimate_rest, tell, usage_of
from functions.invoke_provider.called_model import CalledModel, called_model
from functions.invoke_provider.demand import NOT_HELD, Allowance
from functions.invoke_provider.prompts import prompt_for
from functions.invoke_provider.providers.base import Completion, Prompt, ProviderAdapter
from functions.invoke_provider.providers.wire_model import paid_for
from functions.invoke_provider.response_format import check_form, unwrapped
from functions.invoke_provider.sentiment import sentiment_json
from functions.shared.attempt_limits import (
    LEAST_ATTEMPT_MS,
    NEXT_ATTEMPT_MS,
    NEXT_ATTEMPT_SHARE,
    RECORDING_MS,
)
from functions.shared.contracts.state_size import json_bytes
from functions.shared.contracts.states import InvokeInput, InvokeOutput, for_text
from functions.shared.errors import (
    AnswerUnfit,
    AnswerUnsure,
    DeadlineExceeded,
    EngineError,
)
from functions.shared.well_formed import well_formed_text

MAX_ANSWER_BYTES = 200_000
"""Of JSON. A state holds at most 262,144 bytes, and the decision needs its share."""


Made = TypeVar("Made")


def attempt(
    event: InvokeInput, provider: ProviderAdapter, allowance: Allowance = NOT_HELD
) -> InvokeOutput:
    """Raises the errors of `functions.shared.errors`; one that ended a call says what it took."""
    timeout_s = attempt_timeout_s(event, time.time() * 1000)
    model = _allowed(called_model(event.candidate.model, event.profile), allowance)
    prompt = prompt_for(for_text(event.request), event.profile, model)
    prompt = replace(prompt, dropped=prompt.dropped + allowance.dropped)
    held, began = allowance.held_nano_usd, time.perf_counter()
    try:
        told = of_adapter(lambda: provider.complete(prompt, model, timeout_s))
        elapsed_ms = since_ms(began)
        usage = usage_of(told, event, model)
        with paid_for(usage):
            completion = fit(told, prompt)
            _check_sure(completion, event)
    except EngineError as error:
        estimate_rest(error, event, model)
        tell(error, event, since_ms(began), time.time() * 1000, held_nano_usd=held)
        raise
    now_ms = time.time() * 1000
    call = call_of(event, elapsed_ms, now_ms, usage, "known", held_nano_usd=held)
    return answer_of(event, prompt, completion, call, now_ms)


def _allowed(model: CalledModel, allowance: Allowance) -> CalledModel:
    if allowance.output_tokens is None:
        return model
    return replace(model, max_output_tokens=allowance.output_tokens)


def _check_sure(completion: Completion, event: InvokeInput) -> None:
    if completion.unsure and event.remaining and not _was_unsure(event):
        raise AnswerUnsure("The model is not sure enough of its answer.")


def attempt_timeout_s(event: InvokeInput, now_ms: float) -> float:
    """Seconds that this attempt may take. Raises `DeadlineExceeded` where they are too few."""
    profile = event.profile
    whole_ms = profile.deadline_at_ms - profile.started_at_ms
    left_ms = profile.deadline_at_ms - now_ms - min(RECORDING_MS, whole_ms / 10)
    if left_ms < LEAST_ATTEMPT_MS:
        raise DeadlineExceeded("Too little time is left for another attempt.")
    if event.remaining:
        # Never more than half goes to the next candidates: this one is the better.
        left_ms -= max(NEXT_ATTEMPT_SHARE * left_ms, min(NEXT_ATTEMPT_MS, left_ms / 2))
    return left_ms / 1000


def _was_unsure(event: InvokeInput) -> bool:
    """Whether the others have had their turn since: then this answer is better than none."""
    return any(
        failure.error.name == AnswerUnsure.__name__
        and failure.candidate.model == event.candidate.model
        for failure in event.failures
    )


def of_adapter(call: Callable[[], Made]) -> Made:
    """Raises `EngineError` alone."""
    try:
        return call()
    except EngineError:
        raise
    except Exception as error:
        # The class alone: its text may hold the prompt or the key.
        name = type(error).__name__
        raise EngineError(f"The adapter failed ({name}).") from None


def fit(completion: Completion, prompt: Prompt) -> Completion:
    """The answer in the form that was asked for, in valid Unicode, and small enough for a state.

    Raises `AnswerUnfit` where it cannot be made so.
    """
    form = prompt.request.response_format
    calls = sum(json_bytes(call.model_dump_json()) for call in completion.tool_calls)
    room = MAX_ANSWER_BYTES - calls
    if room < 0:
        raise AnswerUnfit("The answer's tool calls are far too long.")
    text = unwrapped(well_formed_text(completion.text), form)
    if prompt.task == "sentiment":
        text = sentiment_json(text)
    fitting = _cut(text, room)
    finish_reason = completion.finish_reason if fitting == text else "length"
    if finish_reason == "stop" and prompt.task != "sentiment":
        check_form(text, form)
    return replace(completion, text=fitting, finish_reason=finish_reason)


def _cut(text: str, room: int) -> str:
    # No character takes less than a byte: what is beyond the room is not even looked at.
    within = text[:room]
    end, left, step = 0, room - 2, 1 << len(within).bit_length()
    while step:
        size = json_bytes(within[end : end + step]) - 2
        if size <= left:
            end, left = end + step, left - size
        step //= 2
    return within[:end]


def since_ms(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)
