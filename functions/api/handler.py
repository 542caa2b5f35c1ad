"""The reading half of the API: jobs, models, health. Executions are started without any function."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.api.jobs import Jobs
from functions.api.models import get_model, list_models
from functions.shared.errors import HTTP_STATUS, EngineError, error_body
from functions.shared.observability import logger
from functions.shared.settings import ApiSettings, read

app = APIGatewayRestResolver(strip_prefixes=["/api"])


def _jobs() -> Jobs:
    caller = app.current_event.request_context.identity.api_key_id or ""
    return Jobs(read(ApiSettings).JOBS_STATE_MACHINE_ARN, caller)


@app.get("/v1/jobs/<execution_id>")
def get_job(execution_id: str) -> dict[str, Any]:
    return _jobs().get(execution_id)


@app.delete("/v1/jobs/<execution_id>")
def delete_job(execution_id: str) -> dict[str, Any]:
    return _jobs().stop(execution_id)


@app.get("/v1/models")
def get_models() -> dict[str, Any]:
    return list_models(read(ApiSettings), datetime.now(UTC).date())


@app.get("/v1/models/<model_id>")
def get_one_model(model_id: str) -> dict[str, Any]:
    return get_model(model_id, read(ApiSettings), datetime.now(UTC).date())


@app.get("/v1/health")
def get_health() -> dict[str, str]:
    return {"status": "ok"}


@app.exception_handler(Exception)  # type: ignore[untyped-decorator]
def on_error(error: Exception) -> Response[str]:
    if not isinstance(error, EngineError):
        logger.error("request failed", error_type=type(error).__name__)
        error = EngineError("The engine failed inside.")
    request_id = f"req_{app.current_event.request_context.request_id}"
    wait = error.retry_after_seconds
    return Response(
        status_code=HTTP_STATUS[error.code],
        content_type="application/json",
        body=json.dumps(error_body(error, request_id)),
        headers={"Retry-After": str(wait)} if wait else {},
    )


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
