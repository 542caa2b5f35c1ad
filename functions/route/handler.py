"""`POST /v1/route`: the whole decision on a request that nobody is asked to answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.route.dry_run import dry_run
from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.pricing import load_prices
from functions.shared.contracts.states import ClassifyInput, json_of
from functions.shared.gateway.rest import caller_id_of, caller_of, id_of, json_body, new_resolver
from functions.shared.initialising import at_start
from functions.shared.policy.routing_policy import load_policy
from functions.shared.settings import RouteSettings, read_settings
from functions.shared.storage.clients import dynamodb
from functions.shared.storage.state_table import StateTable
from functions.shared.telemetry.observability import logger, metrics

app = new_resolver()


@app.post("/v1/route")
def post_route() -> dict[str, Any]:
    request_id = id_of(app.current_event)
    logger.append_keys(request_id=request_id)
    asked = ClassifyInput(
        request=json_body(app.current_event),
        request_id=request_id,
        caller_id=caller_id_of(app.current_event),
        caller=caller_of(app.current_event),
        mode="sync",
        started_at=datetime.now(UTC).isoformat(),
    )
    settings = read_settings(RouteSettings)
    decided = dry_run(asked, settings, StateTable(settings.STATE_TABLE))
    logger.info("decided", model=decided.routing.selected_model)
    return json_of(decided)


at_start(
    load_catalogue,
    load_prices,
    lambda: load_policy(read_settings(RouteSettings).ROUTING_POLICY),
    dynamodb,
)


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
