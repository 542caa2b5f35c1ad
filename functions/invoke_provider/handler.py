"""State `Invoke Provider`: one candidate in, its answer out, or a typed error for the machine."""

from __future__ import annotations

import os
import time
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.invoke_provider.answer import attempt_in, ended, is_refusal, refusal_of
from functions.invoke_provider.attempt import attempt
from functions.invoke_provider.demand import Allowance
from functions.invoke_provider.embedding_attempt import attempt_embedding
from functions.invoke_provider.keeping import keep_answer
from functions.invoke_provider.providers.base import ProviderAdapter
from functions.invoke_provider.providers.registry import load_provider
from functions.invoke_provider.spending import Spending
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.embedding import EmbeddingRequest
from functions.shared.contracts.states import (
    EmbeddedOutput,
    InvokeInput,
    InvokeOutput,
    RefusedOutput,
    json_of,
)
from functions.shared.errors import EngineError
from functions.shared.initialising import at_start
from functions.shared.settings import InvokeSettings, read_settings
from functions.shared.telemetry.gen_ai import answer_fields, call_fields
from functions.shared.telemetry.observability import logger
from functions.shared.telemetry.state_handler import state_handler

if "PROVIDER" in os.environ:
    # An SDK's import belongs into the init phase: it has a full CPU there, and a snapshot keeps it.
    load_provider(read_settings(InvokeSettings))
at_start(InvokeInput.model_rebuild, InvokeOutput.model_rebuild, load_catalogue)


@state_handler
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    began = time.perf_counter()
    called = InvokeInput.model_validate(event)
    candidate = called.candidate
    logger.append_keys(**call_fields(candidate.model, candidate.provider))
    output = _outcome_of(called, began)
    told: dict[str, object] = {"elapsed_ms": output.attempt.elapsed_ms}
    if answer := output.logged_answer:
        usage = answer.usage
        told |= answer_fields(usage.input_tokens, usage.output_tokens, answer.finish_reason)
    else:
        told["error.type"] = output.attempt.outcome
    logger.info("answered", extra=told)
    # The state machine looks for each, and null is what is not there.
    return {**dict.fromkeys(InvokeOutput.model_fields), **json_of(output)}


def _outcome_of(called: InvokeInput, began: float) -> InvokeOutput | EmbeddedOutput | RefusedOutput:
    settings = read_settings(InvokeSettings)
    spending = Spending(called, settings)
    allowance = spending.reserve()
    try:
        output = _attempted(called, load_provider(settings), allowance)
    except EngineError as error:
        spending.close(None if error.call is None else attempt_in(called, error))
        if error.call is not None:
            error.call = {**error.call, "own_ms": _own_ms(began, error.call["elapsed_ms"])}
        if is_refusal(error, asks_others=settings.ASK_OTHERS_AFTER_REFUSAL):
            return refusal_of(called, error)
        raise
    spending.close(output.attempt)
    own_ms = _own_ms(began, output.attempt.elapsed_ms)
    output = ended(output, called, own_ms, time.time() * 1000)
    keep_answer(called, output, settings)
    return output


def _own_ms(began: float, elapsed_ms: int) -> float:
    """What this function has taken beside its call."""
    return max(0.0, round((time.perf_counter() - began) * 1000 - elapsed_ms, 2))


def _attempted(
    called: InvokeInput, provider: ProviderAdapter, allowance: Allowance
) -> InvokeOutput | EmbeddedOutput:
    if isinstance(called.request, EmbeddingRequest):
        return attempt_embedding(called, called.request, provider, allowance)
    return attempt(called, provider, allowance)
