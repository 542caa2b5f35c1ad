"""Jobs, audit records, feedback, models, callers, health. Executions are started without any function."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.api.audit_records import AuditRecords
from functions.api.callers import listed_caller
from functions.api.feedback import Grade
from functions.api.job_list import JobsQuery, jobs_page
from functions.api.liveness import Liveness
from functions.api.models import get_model, list_models
from functions.shared.callers.directory import names_for
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.states import json_of
from functions.shared.gateway.query import parsed_query
from functions.shared.gateway.reader import Reader
from functions.shared.gateway.rest import caller_id_of, caller_of, new_resolver, parsed_body
from functions.shared.health.listing import current_health
from functions.shared.health.reader import Health
from functions.shared.initialising import at_start
from functions.shared.jobs.executions import Jobs
from functions.shared.money.budget_table import BudgetTable
from functions.shared.policy.provider_choice import ProviderChoice
from functions.shared.settings import ApiSettings, read_settings
from functions.shared.storage.clients import dynamodb
from functions.shared.storage.job_table import JobTable
from functions.shared.storage.request_log import RequestLog
from functions.shared.storage.state_table import StateTable
from functions.shared.storage.tables import table
from functions.shared.telemetry.observability import logger, metrics

app = new_resolver()


def _reader() -> Reader:
    return Reader.of(app.current_event)


def _jobs() -> Jobs:
    settings = read_settings(ApiSettings)
    return Jobs(settings.JOBS_STATE_MACHINE_ARN, _reader(), JobTable(settings.JOBS_TABLE))


def _audit_records() -> AuditRecords:
    settings, reader = read_settings(ApiSettings), _reader()
    own = caller_of(app.current_event).name
    names = names_for(reader, own, settings.CALLERS_TABLE)
    log = RequestLog(settings.REQUESTS_TABLE)
    return AuditRecords(log, reader, names, settings.AWAITED_ROW_MS)


def _known_of_models() -> tuple[ProviderChoice, datetime, Health | None]:
    settings, now = read_settings(ApiSettings), datetime.now(UTC)
    health = current_health(settings, StateTable(settings.STATE_TABLE), now)
    return ProviderChoice.of(settings), now, health


@app.get("/v1/jobs")
def get_jobs() -> dict[str, Any]:
    settings, caller_id = read_settings(ApiSettings), caller_id_of(app.current_event)
    query = parsed_query(app.current_event, JobsQuery)
    jobs = JobTable(settings.JOBS_TABLE)
    page = jobs_page(query, caller_id, jobs, settings.JOBS_PATH, datetime.now(UTC))
    return page.model_dump(mode="json")


@app.get("/v1/jobs/<execution_id>")
def get_job(execution_id: str) -> dict[str, Any]:
    return _jobs().get(execution_id).to_json()


@app.delete("/v1/jobs/<execution_id>")
def delete_job(execution_id: str) -> dict[str, Any]:
    return _jobs().stop(execution_id).to_json()


@app.get("/v1/requests/<request_id>")
def get_request(request_id: str) -> dict[str, Any]:
    return _audit_records().get(request_id).to_json()


@app.post("/v1/requests/<request_id>/feedback")
def post_feedback(request_id: str) -> dict[str, Any]:
    grade = parsed_body(app.current_event, Grade)
    return json_of(_audit_records().grade(request_id, grade))


@app.get("/v1/models")
def get_models() -> dict[str, Any]:
    return list_models(*_known_of_models()).model_dump(mode="json")


@app.get("/v1/models/<model_id>")
def get_one_model(model_id: str) -> dict[str, Any]:
    return get_model(model_id, *_known_of_models()).model_dump(mode="json")


@app.get("/v1/caller")
def get_caller() -> dict[str, Any]:
    event, budgets = app.current_event, table(read_settings(ApiSettings).BUDGETS_TABLE)
    caller_id, caller = caller_id_of(event), caller_of(event)
    listed = listed_caller(caller_id, caller, BudgetTable(budgets), datetime.now(UTC))
    return listed.model_dump(mode="json")


@app.get("/v1/health")
def get_health() -> dict[str, Any]:
    return Liveness().model_dump()


at_start(load_catalogue, dynamodb)


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
