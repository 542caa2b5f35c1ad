"""State `Invoke Provider`: one candidate in, its answer out, or a typed error for the machine."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.invoke_provider.attempt import attempt
from functions.invoke_provider.providers import load_provider
from functions.shared.contracts import InvokeInput, json_of
from functions.shared.observability import logger
from functions.shared.settings import InvokeSettings, read

if "PROVIDER" in os.environ:
    # An SDK's import belongs into the init phase: it has a full CPU there, and a snapshot keeps it.
    load_provider(read(InvokeSettings))


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    called = InvokeInput.model_validate(event)
    logger.append_keys(
        request_id=called.profile.request_id,
        **{"gen_ai.request.model": called.candidate.model},
        **{"gen_ai.provider.name": called.candidate.provider},
    )
    output = attempt(called, load_provider(read(InvokeSettings)))
    tokens = {
        "gen_ai.usage.input_tokens": output.answer.usage.input_tokens,
        "gen_ai.usage.output_tokens": output.answer.usage.output_tokens,
    }
    logger.info("answered", extra={"elapsed_ms": output.attempt.elapsed_ms} | tokens)
    return json_of(output)
