"""Each minute: what calls have left behind in the budgets, and whom to tell how much is used."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.shared.callers.table import CallerTable
from functions.shared.money.budget_table import BudgetTable
from functions.shared.settings import SweepSettings, read_settings
from functions.shared.storage.clients import client
from functions.shared.storage.state_table import StateTable
from functions.shared.storage.tables import table
from functions.shared.telemetry.observability import logger, metrics
from functions.sweep.alerts import Alerts, Topic
from functions.sweep.owners import Owners
from functions.sweep.sweeping import Stores, sweep


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:
    settings = read_settings(SweepSettings)
    budgets = BudgetTable(table(settings.BUDGETS_TABLE))
    callers = CallerTable(table(settings.CALLERS_TABLE))
    topic = Topic(client("sns"), settings.ALARM_TOPIC_ARN, settings.STAGE)
    stores = Stores(
        budgets,
        StateTable(settings.STATE_TABLE),
        Owners(callers, settings.PLAN_LIMITS, settings.STAGE_LIMITS),
        Alerts(budgets, topic),
    )
    sweep(stores)
