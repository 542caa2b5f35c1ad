"""The ends of jobs that no state could record: one that was stopped, ran out of time, or broke."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.record_stopped.following import follow_up
from functions.shared.settings import StoppedSettings, read_settings
from functions.shared.telemetry.observability import logger, metrics


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:
    for message in event["Records"]:
        follow_up(message["body"], read_settings(StoppedSettings))
