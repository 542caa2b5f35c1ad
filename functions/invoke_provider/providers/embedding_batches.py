"""A request for vectors in as many calls as its provider needs, a few at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import Embedded
from functions.shared.catalogue.tokens import tokens_in
from functions.shared.contracts.embedding import EmbeddingRequest
from functions.shared.errors import EngineError, ProviderTimeout
from functions.shared.vocabulary import Usage

AT_ONCE = 8
"""As many connections as a client of AWS's SDK keeps, and two."""
_MOST_INPUTS = 2048

Inputs = Sequence[str | list[int]]
Batch = TypeVar("Batch", bound=Inputs)
Ask = Callable[[Inputs, float], Embedded]
"""One call, with these inputs and in so many seconds."""


def embedded(request: EmbeddingRequest, model: CalledModel, timeout_s: float, ask: Ask) -> Embedded:
    """Raises what `ask` does, with the usage of the calls that were answered beside it."""
    ends_s = time.monotonic() + timeout_s
    most = model.vectors.most_inputs if model.vectors else _MOST_INPUTS
    batches = [request.input[first : first + most] for first in range(0, len(request.input), most)]
    if len(batches) == 1:
        return ask(batches[0], timeout_s)

    def call(batch: Inputs) -> Embedded:
        left_s = ends_s - time.monotonic()
        if left_s <= 0:
            error = ProviderTimeout("There was no time to ask for all vectors.")
            error.billed = "none"
            raise error
        return ask(batch, left_s)

    with ThreadPoolExecutor(min(AT_ONCE, len(batches))) as pool:
        calls = [pool.submit(copy_context().run, call, batch) for batch in batches]
        wait(calls, return_when=FIRST_EXCEPTION)
        for one in calls:
            one.cancel()
    return _together(calls, batches, model)


def _together(
    calls: Sequence[Future[Embedded]], batches: Sequence[Inputs], model: CalledModel
) -> Embedded:
    ended = [(one, batch) for one, batch in zip(calls, batches, strict=True) if not one.cancelled()]
    failed = [(error, batch) for one, batch in ended if (error := one.exception()) is not None]
    answered = [one.result() for one, _ in ended if one.exception() is None]
    if not failed:
        usage = _sum([one.usage for one in answered])
        return Embedded(tuple(vector for one in answered for vector in one.vectors), usage)
    first, _ = failed[0]
    if isinstance(first, EngineError) and answered:
        bills = [_bill_of(error, batch, model) for error, batch in failed]
        known = _sum([*(one.usage for one in answered), *(one for one in bills if one)])
        first.usage, first.billed, first.repeatable = known, "known" if known else "assumed", False
    raise first


def _bill_of(error: BaseException, batch: Inputs, model: CalledModel) -> Usage | None:
    """What a call that failed may have been billed, None for nothing."""
    if not isinstance(error, EngineError) or error.billed == "none":
        return None
    if error.usage:
        return error.usage
    tokens = sum(
        tokens_in(one, model.tokenizer) if isinstance(one, str) else len(one) for one in batch
    )
    return Usage(input_tokens=tokens, estimated=True)


def _sum(usages: Sequence[Usage | None]) -> Usage | None:
    """None where one of them was not told."""
    told = [one for one in usages if one is not None]
    if len(told) < len(usages):
        return None
    return Usage(
        input_tokens=sum(one.input_tokens for one in told),
        estimated=any(one.estimated for one in told),
    )
