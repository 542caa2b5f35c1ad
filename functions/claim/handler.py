"""State `Claim`: the profile in; whether to answer it, to wait, or the answer that is there already out."""

from __future__ import annotations

import time
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.claim.claiming import claim
from functions.shared.contracts.states import ClaimInput, json_of
from functions.shared.initialising import at_start
from functions.shared.kept_answers.answer_table import AnswerTable
from functions.shared.settings import ClaimSettings, read_settings
from functions.shared.storage.clients import dynamodb
from functions.shared.telemetry.observability import logger
from functions.shared.telemetry.state_handler import state_handler

at_start(ClaimInput.model_rebuild, dynamodb)


@state_handler
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    answers = AnswerTable(read_settings(ClaimSettings).ANSWERS_TABLE)
    output = claim(ClaimInput.model_validate(event), answers, time.time())
    logger.info("claimed", outcome=output.outcome, first_request_id=output.first_request_id)
    # The state machine looks for each, and null is what is not there.
    return {"answer": None, "logged_answer": None, **json_of(output)}
