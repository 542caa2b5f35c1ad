"""State `Classify`: the caller's JSON in, the typed request and its profile out."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.classify.profiling import profile_request
from functions.shared.contracts.states import ClassifyInput, ClassifyOutput, json_of
from functions.shared.initialising import at_start, starts_from_snapshot
from functions.shared.local_models import load_model
from functions.shared.settings import ClassifySettings, read_settings
from functions.shared.telemetry.observability import logger
from functions.shared.telemetry.state_handler import state_handler

at_start(ClassifyInput.model_rebuild, ClassifyOutput.model_rebuild)
if starts_from_snapshot():
    # Elsewhere only a request without a task pays for loading it.
    load_model("classifier")


@state_handler
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    output = profile_request(ClassifyInput.model_validate(event), read_settings(ClassifySettings))
    logger.info("classified", task=output.profile.task, confidence=output.profile.task_confidence)
    return json_of(output)
