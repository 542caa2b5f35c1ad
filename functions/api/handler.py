"""Jobs, audit records, feedback, models, health. Executions are started without any function."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.api.audit_records import AuditRecords
from functions.api.feedback import Grade
from functions.api.jobs import Jobs
from functions.api.models import get_model, list_models
from functions.shared.gateway.reader import Reader
from functions.shared.gateway.rest import caller_of, new_resolver, parsed_body
from functions.shared.health.listing import current_health
from functions.shared.health.reader import Health
from functions.shared.policy.provider_choice import ProviderChoice
from functions.shared.settings import ApiSettings, read_settings
from functions.shared.storage.request_log import RequestLog
from functions.shared.storage.state_table import StateTable
from functions.shared.telemetry.observability import logger, metrics

app = new_resolver()


def _reader() -> Reader:
    return Reader.of(app.current_event)


def _jobs() -> Jobs:
    return Jobs(read_settings(ApiSettings).JOBS_STATE_MACHINE_ARN, _reader())


def _audit_records() -> AuditRecords:
    return AuditRecords(RequestLog(read_settings(ApiSettings).REQUESTS_TABLE), _reader())


def _known_of_models() -> tuple[ProviderChoice, datetime, Health | None]:
    settings, now = read_settings(ApiSettings), datetime.now(UTC)
    health = current_health(settings, StateTable(settings.STATE_TABLE), now)
    return ProviderChoice.of(settings), now, health


@app.get("/v1/jobs/<execution_id>")
def get_job(execution_id: str) -> dict[str, Any]:
    return _jobs().get(execution_id)


@app.delete("/v1/jobs/<execution_id>")
def delete_job(execution_id: str) -> dict[str, Any]:
    return _jobs().stop(execution_id)


@app.get("/v1/requests/<request_id>")
def get_request(request_id: str) -> dict[str, Any]:
    return _audit_records().get(request_id)


@app.post("/v1/requests/<request_id>/feedback")
def post_feedback(request_id: str) -> dict[str, Any]:
    return _audit_records().grade(request_id, parsed_body(app.current_event, Grade))


@app.get("/v1/models")
def get_models() -> dict[str, Any]:
    return list_models(*_known_of_models())


@app.get("/v1/models/<model_id>")
def get_one_model(model_id: str) -> dict[str, Any]:
    return get_model(model_id, *_known_of_models())


@app.get("/v1/caller")
def get_caller() -> dict[str, Any]:
    return {"name": caller_of(app.current_event).name}


@app.get("/v1/health")
def get_health() -> dict[str, str]:
    return {"status": "ok"}


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
