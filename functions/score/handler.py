"""State `Score`: the profile in, the ranked candidates and the excluded models out."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.score.deciding import decide
from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.pricing import load_prices
from functions.shared.contracts.states import ScoreInput, ScoreOutput, json_of
from functions.shared.errors import Unclaimed
from functions.shared.initialising import at_start
from functions.shared.policy.routing_policy import load_policy
from functions.shared.settings import ScoreSettings, read_settings
from functions.shared.storage.clients import dynamodb
from functions.shared.storage.state_table import StateTable
from functions.shared.telemetry.observability import logger
from functions.shared.telemetry.state_handler import state_handler

at_start(
    ScoreInput.model_rebuild,
    ScoreOutput.model_rebuild,
    load_catalogue,
    load_prices,
    lambda: load_policy(read_settings(ScoreSettings).ROUTING_POLICY),
    dynamodb,
)


@state_handler
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    given = ScoreInput.model_validate(event)
    profile = given.profile
    if profile.claims and not given.claimed:
        raise Unclaimed("Claim first.")
    settings = read_settings(ScoreSettings)
    output = decide(profile, settings, StateTable(settings.STATE_TABLE))
    logger.info("scored", model=output.candidates[0].model, policy=output.decision.policy_version)
    return json_of(output)
