"""`GET /v1/metrics/…`: what the engine did, out of CloudWatch's metrics and the request log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.metrics.costs import costs, costs_by_caller
from functions.metrics.logs import LogsQuery, logs_page
from functions.metrics.models import model_metrics, provider_metrics
from functions.metrics.realtime import realtime
from functions.metrics.summary import summary
from functions.metrics.window import NoQuery, Window, WindowQuery
from functions.shared.caller import Caller
from functions.shared.callers.directory import Directory, callers_seen_by, names_for
from functions.shared.catalogue.models import load_catalogue
from functions.shared.gateway.query import parsed_query
from functions.shared.gateway.reader import Reader
from functions.shared.gateway.rest import caller_of, new_resolver
from functions.shared.health.listing import current_health
from functions.shared.health.reader import Health
from functions.shared.initialising import at_start
from functions.shared.money.budget_states import BudgetState, budget_states
from functions.shared.money.budget_table import BudgetTable
from functions.shared.policy.provider_choice import ProviderChoice
from functions.shared.settings import MetricsSettings, read_settings
from functions.shared.storage.clients import dynamodb
from functions.shared.storage.request_log import RequestLog
from functions.shared.storage.state_table import StateTable
from functions.shared.storage.tables import table
from functions.shared.telemetry.observability import logger, metrics

app = new_resolver()


def _service() -> str:
    settings: MetricsSettings = read_settings(MetricsSettings)
    return settings.POWERTOOLS_SERVICE_NAME


def _window() -> Window:
    return Window.before(datetime.now(UTC), parsed_query(app.current_event, WindowQuery).window)


def _health() -> Health | None:
    settings = read_settings(MetricsSettings)
    return current_health(settings, StateTable(settings.STATE_TABLE), datetime.now(UTC))


def _reader() -> Reader:
    return Reader.of(app.current_event)


def _names() -> Directory:
    own = caller_of(app.current_event).name
    return names_for(_reader(), own, read_settings(MetricsSettings).CALLERS_TABLE)


def _log() -> RequestLog:
    return RequestLog(read_settings(MetricsSettings).REQUESTS_TABLE)


@app.get("/v1/metrics/summary")
def get_summary() -> dict[str, Any]:
    return summary(_service(), _window()).to_json()


@app.get("/v1/metrics/models/<model_id>")
def get_model(model_id: str) -> dict[str, Any]:
    return model_metrics(model_id, _service(), _window(), _health(), datetime.now(UTC)).to_json()


@app.get("/v1/metrics/providers")
def get_providers() -> dict[str, Any]:
    choice = ProviderChoice.of(read_settings(MetricsSettings))
    return provider_metrics(_service(), _window(), choice, _health(), datetime.now(UTC)).to_json()


@app.get("/v1/metrics/costs")
def get_costs() -> dict[str, Any]:
    settings, window, reader = read_settings(MetricsSettings), _window(), _reader()
    callers = callers_seen_by(reader, caller_of(app.current_event), settings)
    state, names = StateTable(settings.STATE_TABLE), Directory.of(callers)
    by_caller = costs_by_caller(window, reader, state, names)
    return costs(_service(), window, by_caller, _budgets(callers)).to_json()


def _budgets(callers: Mapping[str, Caller]) -> list[BudgetState]:
    settings = read_settings(MetricsSettings)
    stage = settings.STAGE_LIMITS if _reader().is_operator else None
    budgets = BudgetTable(table(settings.BUDGETS_TABLE))
    return budget_states(callers, stage, budgets, datetime.now(UTC))


@app.get("/v1/metrics/logs")
def get_logs() -> dict[str, Any]:
    query = parsed_query(app.current_event, LogsQuery)
    page = logs_page(query, _reader(), _names(), _log(), datetime.now(UTC))
    return page.model_dump(mode="json")


@app.get("/v1/metrics/realtime")
def get_realtime() -> dict[str, Any]:
    parsed_query(app.current_event, NoQuery)
    return realtime(_reader(), _log(), datetime.now(UTC)).model_dump(mode="json", by_alias=True)


at_start(load_catalogue, dynamodb)


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
