"""`/admin/callers`, for operators: callers, their keys, and what they may spend."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.shared.callers.administration import Administration
from functions.shared.callers.forms import (
    BudgetChange,
    CallerChange,
    NewCaller,
    Rotation,
    Switch,
)
from functions.shared.callers.money import Money
from functions.shared.callers.table import CallerTable
from functions.shared.callers.usage_plans import REMEMBERED_S, UsagePlans
from functions.shared.callers.views import (
    CallerWithKeys,
    CallerWithNewKey,
    ChangedCaller,
    listed,
    shown,
    spend,
)
from functions.shared.errors import Forbidden
from functions.shared.gateway.rest import Body, caller_id_of, caller_of, new_resolver, parsed_body
from functions.shared.initialising import at_start
from functions.shared.money.budget_table import BudgetTable
from functions.shared.settings import AdminSettings, read_settings
from functions.shared.storage.clients import client, dynamodb
from functions.shared.storage.state_table import StateTable
from functions.shared.storage.tables import table
from functions.shared.telemetry.observability import logger, metrics

app = new_resolver()


def _administration() -> Administration:
    """Raises `Forbidden` for everybody but operators."""
    event, settings = app.current_event, read_settings(AdminSettings)
    if not caller_of(event).is_operator:
        raise Forbidden("Only an operator manages callers.")
    if event.http_method != "GET":
        logger.info(
            "callers managed",
            by=caller_id_of(event),
            method=event.http_method,
            path=event.path,
        )
    service, api_id = settings.POWERTOOLS_SERVICE_NAME, event.request_context.api_id
    return Administration(
        callers=CallerTable(table(settings.CALLERS_TABLE)),
        usage_plans=UsagePlans(client("apigateway"), service, api_id or ""),
        now=datetime.now(UTC),
        issuer=settings.JWT.issuer if settings.JWT else None,
    )


def _money() -> Money:
    settings = read_settings(AdminSettings)
    return Money(
        budgets=BudgetTable(table(settings.BUDGETS_TABLE)),
        state=StateTable(settings.STATE_TABLE),
        plans=settings.PLAN_LIMITS,
        counts_simulated=not settings.PROVIDERS_CONFIGURED - {"local"},
    )


def _body(kind: type[Body]) -> Body:
    """Of a path that may be asked without any."""
    return parsed_body(app.current_event, kind) if app.current_event.body else kind()


def _shown(caller: str, administration: Administration) -> CallerWithKeys:
    found = administration.find(caller)
    return shown(found, administration.keys(found), _money())


def _changed(caller: str, administration: Administration, *, at_once: bool) -> dict[str, Any]:
    holds = "at once" if at_once else f"within {REMEMBERED_S} s"
    return ChangedCaller(**_shown(caller, administration).to_json(), holds=holds).to_json()


def _with_new_key(
    caller_id: str, key: str | None, administration: Administration
) -> dict[str, Any]:
    return CallerWithNewKey(**_shown(caller_id, administration).to_json(), key=key).to_json()


@app.post("/v1/admin/callers")
def post_caller() -> tuple[dict[str, Any], int]:
    administration = _administration()
    new = parsed_body(app.current_event, NewCaller)
    caller, key = administration.create(new)
    return _with_new_key(caller.caller_id, key, administration), HTTPStatus.CREATED


@app.get("/v1/admin/callers")
def get_callers() -> dict[str, Any]:
    page = listed(_administration().callers.callers(), _money())
    return page.model_dump(mode="json", by_alias=True)


@app.get("/v1/admin/callers/<caller>")
def get_caller(caller: str) -> dict[str, Any]:
    return _shown(caller, _administration()).to_json()


@app.patch("/v1/admin/callers/<caller>")
def patch_caller(caller: str) -> dict[str, Any]:
    administration = _administration()
    at_once = administration.change(caller, parsed_body(app.current_event, CallerChange))
    return _changed(caller, administration, at_once=at_once)


@app.post("/v1/admin/callers/<caller>/rotate")
def post_rotation(caller: str) -> dict[str, Any]:
    administration = _administration()
    found, key = administration.rotate(caller, _body(Rotation))
    return _with_new_key(found.caller_id, key, administration)


@app.post("/v1/admin/callers/<caller>/disable")
def post_disabling(caller: str) -> dict[str, Any]:
    return _switched(caller, disabled=True)


@app.post("/v1/admin/callers/<caller>/enable")
def post_enabling(caller: str) -> dict[str, Any]:
    return _switched(caller, disabled=False)


def _switched(caller: str, *, disabled: bool) -> dict[str, Any]:
    administration = _administration()
    now = _body(Switch).now
    at_once = administration.switch(caller, disabled=disabled, now=now)
    return _changed(caller, administration, at_once=at_once)


@app.put("/v1/admin/callers/<caller>/budget")
def put_budget(caller: str) -> dict[str, Any]:
    administration = _administration()
    change = parsed_body(app.current_event, BudgetChange)
    at_once = administration.set_budget(caller, change, _money())
    return _changed(caller, administration, at_once=at_once)


@app.get("/v1/admin/callers/<caller>/spend")
def get_spend(caller: str) -> dict[str, Any]:
    administration = _administration()
    found = spend(administration.find(caller), _money(), administration.now)
    return found.model_dump(mode="json")


at_start(dynamodb)


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
