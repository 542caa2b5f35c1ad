"""State `Invoke Provider`: one candidate in, its answer out, or a typed error for the machine."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.invoke_provider.attempt import attempt
from functions.invoke_provider.providers.registry import load_provider
from functions.shared.contracts.states import InvokeInput, json_of
from functions.shared.errors import EngineError
from functions.shared.settings import InvokeSettings, read_settings
from functions.shared.telemetry.gen_ai import answer_fields, call_fields
from functions.shared.telemetry.observability import logger, metrics

if "PROVIDER" in os.environ:
    # An SDK's import belongs into the init phase: it has a full CPU there, and a snapshot keeps it.
    load_provider(read_settings(InvokeSettings))


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    called = InvokeInput.model_validate(event)
    candidate = called.candidate
    logger.append_keys(
        request_id=called.profile.request_id, **call_fields(candidate.model, candidate.provider)
    )
    try:
        output = attempt(called, load_provider(read_settings(InvokeSettings)))
    except EngineError as error:
        failed = {"error.type": type(error).__name__, "elapsed_ms": error.elapsed_ms}
        logger.warning("attempt failed", extra=failed)
        raise
    usage, answer = output.answer.usage, output.answer
    told = answer_fields(usage.input_tokens, usage.output_tokens, answer.finish_reason)
    logger.info("answered", extra={"elapsed_ms": output.attempt.elapsed_ms} | told)
    return json_of(output)
