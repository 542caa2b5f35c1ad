"""State `Invoke Provider`: one candidate in, its answer out, or a typed error for the machine."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.invoke_provider.attempt import attempt
from functions.invoke_provider.providers import load_provider
from functions.shared.contracts import InvokeInput, json_of
from functions.shared.observability import logger
from functions.shared.settings import InvokeSettings, read


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    called = InvokeInput.model_validate(event)
    logger.append_keys(
        request_id=called.profile.request_id,
        **{"gen_ai.request.model": called.candidate.model},
        **{"gen_ai.provider.name": called.candidate.provider},
    )
    output = attempt(called, load_provider(read(InvokeSettings)))
    usage = output.answer.usage
    logger.info(
        "answered",
        elapsed_ms=output.attempt.elapsed_ms,
        **{"gen_ai.usage.input_tokens": usage.input_tokens},
        **{"gen_ai.usage.output_tokens": usage.output_tokens},
    )
    return json_of(output)
