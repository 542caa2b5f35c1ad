"""One attempt: a call of one provider that ends in time for the request's deadline."""

from __future__ import annotations

import time

from functions.invoke_provider.answer import answer_of
from functions.invoke_provider.prompts import prompt_for
from functions.invoke_provider.providers import Completion, Provider
from functions.invoke_provider.sentiment import sentiment_json
from functions.shared.contracts import InvokeInput, InvokeOutput
from functions.shared.errors import DeadlineExceeded, EngineError, ProviderBadResponse

RECORD_RESERVE_MS = 1_000
"""Left for recording and for the way back to the caller."""

FALLBACK_SHARE = 0.4
"""Of what is left, kept for the next candidates while there are any."""

MIN_ATTEMPT_MS = 300
"""Below this no provider answers; the call would only cost."""

MAX_RESULT_BYTES = 200_000
"""A state holds at most 262,144 bytes, and the decision needs its share."""


def attempt(event: InvokeInput, provider: Provider) -> InvokeOutput:
    """Raises the errors of `functions.shared.errors`, each with the attempt's `elapsed_ms`."""
    timeout_s = attempt_timeout_s(event, time.time() * 1000)
    prompt = prompt_for(event.request, event.profile.task)
    began = time.perf_counter()
    try:
        completion = _finished(provider.complete(prompt, event.candidate, timeout_s), event)
    except EngineError as error:
        error.elapsed_ms = _since_ms(began)
        raise
    except Exception as error:
        # The class alone: its text may hold the prompt or the key.
        foreign = ProviderBadResponse(f"The adapter failed on the answer ({type(error).__name__}).")
        foreign.elapsed_ms = _since_ms(began)
        raise foreign from None
    return answer_of(event, completion, prompt, _since_ms(began), time.time() * 1000)


def attempt_timeout_s(event: InvokeInput, now_ms: float) -> float:
    """Seconds that this attempt may take. Raises `DeadlineExceeded` where they are too few."""
    left_ms = event.profile.deadline_at_ms - now_ms
    # Short deadlines keep a share rather than the whole reserve, or nothing would ever be tried.
    left_ms -= min(RECORD_RESERVE_MS, left_ms * 0.2)
    if event.remaining:
        left_ms *= 1 - FALLBACK_SHARE
    if left_ms < MIN_ATTEMPT_MS:
        raise DeadlineExceeded("Too little time is left for another attempt.")
    return left_ms / 1000


def _finished(completion: Completion, event: InvokeInput) -> Completion:
    text, finish_reason = completion.text, completion.finish_reason
    if event.profile.task == "sentiment" and not completion.tool_calls:
        text = sentiment_json(text)
    encoded = text.encode("utf-8", "replace")
    if len(encoded) > MAX_RESULT_BYTES:
        text, finish_reason = encoded[:MAX_RESULT_BYTES].decode("utf-8", "ignore"), "length"
    return Completion(text, completion.tool_calls, finish_reason, completion.usage)


def _since_ms(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)
