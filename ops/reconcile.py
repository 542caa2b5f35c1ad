"""Holds budgets, request log, kept calls and metrics of a stage against each other; nothing is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from functions.shared.callers.records import CALLER
from functions.shared.money.budget import STAGE_ID, Budget, budget_id
from functions.shared.money.job_calls import ITEMS
from functions.shared.storage.expressions import Expressions
from functions.shared.storage.tables import Table
from functions.shared.telemetry.series import NAMESPACE, SERVICE
from ops.books import FIGURES_PERIOD_S, Kept, Logged, Row, Window, compare
from ops.stage import Stage
from training.routing.request_rows import table_rows


def run(stage: Stage, since: timedelta) -> int:
    """1 where anything differs."""
    window = Window.before(datetime.now(UTC), since, _rows_kept(stage))
    database = stage.session.resource("dynamodb", endpoint_url=stage.endpoint_url)
    # In this order: what is settled was kept before, and has its row behind.
    budgets, ledger = _budgets(stage), _ledger(stage, window)
    logged, rows = Logged(), 0
    name = stage.outputs["RequestsTableName"]
    for row in table_rows(name, window.now - window.start, window.now, database=database):
        logged.add(row.fields, ledger.get(row.fields["request_id"], {}), window)
        rows += 1
    kept = Kept(budgets, ledger, _jobs(stage, window), _figures(stage, window))
    _add_older(logged, {*kept.ledger, *kept.jobs}, _table(stage, "RequestsTableName"))
    found = compare(logged, kept, window, _names(stage))
    summary = (
        f"{rows} requests since {window.start:%Y-%m-%d}, {len(kept.budgets)} budgets,"
        f" {len(found.differences)} differences, {found.running} requests still running"
    )
    print("\n".join((*found.differences, summary)))
    return 1 if found.differences else 0


def _rows_kept(stage: Stage) -> timedelta:
    """As the function that writes them is told."""
    (name,) = (
        part.physical_id
        for part in stage.parts
        if part.kind == "AWS::Lambda::Function"
        and part.logical_id.startswith("FunctionsRecordMetrics")
    )
    told = stage.client("lambda").get_function_configuration(FunctionName=name)
    return timedelta(days=int(told["Environment"]["Variables"]["LOG_RETENTION_DAYS"]))


def _table(stage: Stage, output: str) -> Table:
    """By the output that names it."""
    return Table(stage.outputs[output], stage.client("dynamodb"))


def _ledger(stage: Stage, window: Window) -> dict[str, Row]:
    """What calls kept of themselves, by request."""
    at = Expressions()
    is_kept = at.arguments(FilterExpression=at.begins_with("state_id", ITEMS))
    found = _table(stage, "StateTableName").scan_all(**is_kept)
    return {
        item["state_id"].removeprefix(ITEMS): item
        for item in found
        if item["expires_at"] > window.now.timestamp()
    }


def _budgets(stage: Stage) -> dict[str, Budget]:
    found = _table(stage, "BudgetsTableName").scan_all(ConsistentRead=True)
    return {item["budget_id"]: Budget(item) for item in found}


def _names(stage: Stage) -> dict[str, str]:
    at = Expressions()
    are_callers = at.arguments(KeyConditionExpression=at.is_("kind", "=", CALLER))
    found = _table(stage, "CallersTableName").query_all(**are_callers)
    return {budget_id(item["item_id"]): item["name"] for item in found} | {STAGE_ID: "all callers"}


def _jobs(stage: Stage, window: Window) -> dict[str, datetime]:
    """When each job of the period ended. Step Functions lists executions of Standard machines alone."""
    pages = stage.client("stepfunctions").get_paginator("list_executions")
    found = pages.paginate(stateMachineArn=stage.outputs["JobsMachineArn"])
    return {
        one["name"]: one["stopDate"]
        for page in found
        for one in page["executions"]
        if one.get("stopDate") and one["startDate"] >= window.start
    }


def _add_older(logged: Logged, request_ids: set[str], table: Table) -> None:
    """Requests that began before the period, and were called or ended in it."""
    for id_ in request_ids - logged.request_ids:
        if table.get_item(Key={"request_id": id_}, ProjectionExpression="request_id").get("Item"):
            logged.request_ids.add(id_)


def _figures(stage: Stage, window: Window) -> int:
    """CostUsd of the whole service, in nano-dollars."""
    metric = {
        "Namespace": NAMESPACE,
        "MetricName": "CostUsd",
        "Dimensions": [{"Name": SERVICE, "Value": stage.service}],
    }
    query = {
        "Id": "cost",
        "MetricStat": {"Metric": metric, "Period": FIGURES_PERIOD_S, "Stat": "Sum"},
    }
    pages = stage.client("cloudwatch").get_paginator("get_metric_data")
    found = pages.paginate(
        MetricDataQueries=[query], StartTime=window.start, EndTime=window.figures_end
    )
    total: float = sum(
        value for page in found for one in page["MetricDataResults"] for value in one["Values"]
    )
    return round(total * 10**9)
