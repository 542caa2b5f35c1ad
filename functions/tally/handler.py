"""The request log's stream: what finished requests add to the metrics and to their callers' spend."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.shared.initialising import at_start
from functions.shared.settings import TallySettings, read_settings
from functions.shared.storage.clients import dynamodb
from functions.shared.storage.state_table import StateTable
from functions.shared.telemetry.observability import logger, metrics
from functions.tally.counting import count
from functions.tally.stream import batch_of

at_start(dynamodb)


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    count(batch_of(event), StateTable(read_settings(TallySettings).STATE_TABLE))
    # Lambda takes an answer without a state for a failure where it has windows.
    return {"state": {}}
