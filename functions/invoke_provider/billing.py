"""What a call is billed: what the provider told of it, what is assumed, or nothing."""

from __future__ import annotations

import json
import math
import random
from datetime import datetime
from functools import lru_cache

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Completion, Embedded
from functions.shared.attempt_limits import (
    LONGEST_BACKOFF_S,
    MOST_EVENT_BYTES,
    MOST_PAUSE_S,
    RETRY_INTERVAL_S,
    UNTOLD_WAIT_S,
    WAIT_JITTER,
)
from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.pricing import UnpricedModel, price_version
from functions.shared.catalogue.tokens import tokens_in
from functions.shared.contracts.states import Call, InvokeInput
from functions.shared.errors import (
    Billed,
    EngineError,
    ProviderAuthFailed,
    ProviderOverloaded,
    ProviderThrottled,
    ProviderUnavailable,
)
from functions.shared.health.circuit import circuit_of
from functions.shared.money.call_cost import call_cost_nano_usd
from functions.shared.vocabulary import Usage

_MAY_TELL_A_WAIT = (ProviderOverloaded, ProviderUnavailable)


def usage_of(completion: Completion, event: InvokeInput, model: CalledModel) -> Usage:
    """What the provider told, where that can be true, else an estimate that says so.

    An answer cannot have taken no tokens at all, nor more than any model of the catalogue reads and
    writes.
    """
    told = completion.usage
    if told and (told.total_input_tokens or told.output_tokens) and is_possible(told):
        return told
    made = completion.text + "".join(
        json.dumps(call.model_dump()) for call in completion.tool_calls
    )
    return _estimated(made, event, model)


def embedding_usage_of(embedded: Embedded, event: InvokeInput, model: CalledModel) -> Usage:
    """The same of vectors, which take no output."""
    told = embedded.usage
    if told and told.total_input_tokens and is_possible(told):
        return told
    return _estimated("", event, model)


def estimate_rest(error: EngineError, event: InvokeInput, model: CalledModel) -> None:
    """Of an answer that broke off, what was not told of its usage."""
    if error.made is None:
        return
    told = error.usage
    if told and told.total_input_tokens and is_possible(told):
        made = max(told.output_tokens, tokens_in(error.made, model.tokenizer))
        error.usage = told.model_copy(update={"output_tokens": made, "estimated": True})
    else:
        error.usage = _estimated(error.made, event, model)


def _estimated(made: str, event: InvokeInput, model: CalledModel) -> Usage:
    return Usage(
        input_tokens=event.profile.input_tokens(model.tokenizer),
        output_tokens=tokens_in(made, model.tokenizer),
        estimated=True,
    )


def is_possible(usage: Usage) -> bool:
    return usage.total_input_tokens + usage.output_tokens <= _largest_window()


@lru_cache
def _largest_window() -> int:
    return max(model.context_window for model in load_catalogue().models)


def call_of(
    event: InvokeInput,
    elapsed_ms: int,
    now_ms: float,
    usage: Usage | None,
    billed: Billed,
    *,
    held_nano_usd: int = 0,
) -> Call:
    """Of a call that ended just now. One without a usage that may be billed is taken for as dear as
    such answers have been, and its caller's budget is charged all that it held."""
    mock, model = event.candidate.mock, event.candidate.model
    cost = assumed = 0
    try:
        context = event.decision.routing_context
        cost = call_cost_nano_usd(model, usage, event.profile, context) if usage else 0
    except UnpricedModel:
        # Score's catalogue is ahead of this function's: the answer must not be lost for that.
        billed, usage = "assumed", None
    is_unknown = usage is None and billed == "assumed"
    if is_unknown:
        assumed = event.decision.assumed_cost_nano_usd(event.candidate)
    retried_ms = _retried_ms(event, now_ms - elapsed_ms)
    return Call(
        try_number=try_number(event),
        elapsed_ms=elapsed_ms,
        waited_ms=1000 * event.candidate.waited_seconds + retried_ms,
        retries=event.retry_count,
        retried_ms=retried_ms,
        usage=usage,
        cost_nano_usd=0 if mock else cost,
        possibly_billed_nano_usd=assumed,
        simulated_cost_nano_usd=cost if mock else 0,
        charged_nano_usd=(held_nano_usd if is_unknown else cost) if held_nano_usd else 0,
        price_version=price_version() if usage else None,
    )


def try_number(event: InvokeInput) -> int:
    model = event.candidate.model
    return 1 + sum(failure.candidate.model == model for failure in event.failures)


def _retried_ms(event: InvokeInput, began_ms: float) -> int:
    """What passed while AWS could not run the function."""
    if not (event.retry_count and event.entered_at):
        return 0
    entered_ms = datetime.fromisoformat(event.entered_at).timestamp() * 1000
    return max(0, round(began_ms - entered_ms))


def tell(
    error: EngineError,
    event: InvokeInput,
    elapsed_ms: int,
    now_ms: float,
    *,
    held_nano_usd: int = 0,
) -> None:
    """Lets the error say what its call took, and whether to repeat it: only what certainly was not billed,
    once, and not at a model that is failing anyway; a refused key as often as there is a newer one. And when
    one that asked for a wait can be asked again, if nobody else is left."""
    usage = error.usage if error.usage and is_possible(error.usage) else None
    billed = "assumed" if error.usage and not usage else error.billed
    call = call_of(event, elapsed_ms, now_ms, usage, billed, held_nano_usd=held_nano_usd)
    error.call = call.model_dump(mode="json", by_alias=True, exclude_none=True)
    error.spent = _spent_nano_usd(event, call)
    pause_s = _pause_s(error.told_wait_seconds)
    if isinstance(error, ProviderAuthFailed):
        error.again = error.repeatable
    elif error.repeatable and billed == "none" and try_number(event) == 1:
        error.again = pause_s <= MOST_PAUSE_S and _is_well(event, now_ms)
        error.wait_seconds = pause_s if error.again else 0
    if not error.again:
        error.free_at_ms = _free_at_ms(error, event, now_ms)


def _pause_s(told_s: float | None) -> int:
    """Before the same candidate is called again; the machine's pauses are whole seconds."""
    return random.randint(0, RETRY_INTERVAL_S) if told_s is None else math.ceil(told_s)  # noqa: S311


def _free_at_ms(error: EngineError, event: InvokeInput, now_ms: float) -> int:
    """Where waiting helps, epoch milliseconds: the wait that was told, or a guess, and longer each time
    that the candidate says so."""
    told_s, round_number = error.told_wait_seconds, try_number(event) - 1
    is_throttle = isinstance(error, ProviderThrottled)
    is_told = isinstance(error, _MAY_TELL_A_WAIT) and told_s is not None
    if not (is_throttle or is_told) or not _has_room(event):
        return 0
    least_s = UNTOLD_WAIT_S * 2**round_number if round_number or told_s is None else 0
    wait_s = max(told_s or 0, min(least_s, LONGEST_BACKOFF_S))
    return round(now_ms + 1000 * wait_s * random.uniform(1, 1 + WAIT_JITTER))  # noqa: S311


def _has_room(event: InvokeInput) -> bool:
    return len(event.model_dump_json().encode()) < MOST_EVENT_BYTES


def _is_well(event: InvokeInput, now_ms: float) -> bool:
    candidate, health = event.candidate, event.decision.routing_context.health
    return circuit_of(candidate.model, candidate.provider, health, round(now_ms))[0] == "closed"


def _spent_nano_usd(event: InvokeInput, call: Call) -> int:
    """What the call takes of the caller's cost limit: an unknown bill as much as it can be at most. A
    simulated one counts, too, so that a limit can be rehearsed."""
    if call.possibly_billed_nano_usd:
        return event.candidate.worst_case_cost_nano_usd
    return call.cost_nano_usd + call.simulated_cost_nano_usd
