"""State `Invoke Provider`: one attempt at one candidate, and the answer it gives."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.invoke_provider.answer import answer_of
from functions.invoke_provider.attempt import serve
from functions.invoke_provider.providers import load_provider
from functions.shared.contracts import InvokeInput, json_of
from functions.shared.observability import logger
from functions.shared.settings import InvokeSettings, read

if "PROVIDER" in os.environ:
    # An SDK's import belongs into Lambda's init phase, where the CPU is free and a snapshot keeps it.
    load_provider(read(InvokeSettings))


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    asked = InvokeInput.model_validate(event)
    logger.append_keys(
        request_id=asked.profile.request_id,
        **{"gen_ai.request.model": asked.candidate.model},
        **{"gen_ai.provider.name": asked.candidate.provider},
    )
    served = serve(asked, load_provider(read(InvokeSettings)))
    tokens = {
        "gen_ai.usage.input_tokens": served.usage.input_tokens,
        "gen_ai.usage.output_tokens": served.usage.output_tokens,
    }
    logger.info("answered", elapsed_ms=served.elapsed_ms, **tokens)
    return json_of(answer_of(asked, served))
