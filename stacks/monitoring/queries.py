"""Saved queries of Logs Insights: what is asked of the logs when the metrics do not say enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.monitoring.monitored_resources import MonitoredResources

LogGroups = Callable[[MonitoredResources], Sequence[logs.ILogGroup]]


def record_logs(monitored: MonitoredResources) -> Sequence[logs.ILogGroup]:
    """Where each finished request and each of its attempts left a line with its metrics."""
    return [monitored.functions["Tally"].log_group]


def _function_logs(monitored: MonitoredResources) -> Sequence[logs.ILogGroup]:
    return [one.log_group for one in monitored.functions.values()]


def _access_logs(monitored: MonitoredResources) -> Sequence[logs.ILogGroup]:
    return [monitored.access_logs]


@dataclass(frozen=True)
class SavedQuery:
    """A query and the logs that it searches."""

    name: str
    query: logs.QueryString
    log_groups: LogGroups = record_logs


def _fields(names: str) -> list[str]:
    return names.split(", ")


LAST_FAILURES = SavedQuery(
    "Last failures",
    logs.QueryString(
        fields=_fields(
            "@timestamp, request_id, `error.type`, task, `gen_ai.request.model`, attempts,"
            " LatencyMs.0 as latency_ms, caller, caller_id"
        ),
        filter_statements=["ispresent(`error.type`)"],
        sort="@timestamp desc",
        limit=20,
    ),
)
# The line of a request says how many attempts it had, that of an attempt which one it was. The
# metrics in them are lists of one number, whose first element is called `.0`.
SAVED_QUERIES = (
    LAST_FAILURES,
    SavedQuery(
        "Slowest requests",
        logs.QueryString(
            fields=_fields(
                "@timestamp, request_id, LatencyMs.0 as latency_ms, RoutingMs.0 as routing_ms,"
                " InferenceMs.0 as inference_ms, `gen_ai.request.model`, attempts, task, trace_id"
            ),
            filter_statements=["ispresent(attempts) and ispresent(LatencyMs.0)"],
            sort="latency_ms desc",
            limit=20,
        ),
    ),
    SavedQuery(
        "Cost by model",
        logs.QueryString(
            filter_statements=["ispresent(attempt)"],
            stats_statements=[
                "sum(CostUsd.0) as cost_usd, sum(PossiblyBilledUsd.0) as possibly_billed_usd,"
                " count(*) as calls by model, provider"
            ],
            sort="cost_usd desc",
        ),
    ),
    SavedQuery(
        "Cost by caller",
        logs.QueryString(
            filter_statements=["ispresent(attempts)"],
            stats_statements=[
                "sum(CostUsd.0) as cost_usd, sum(PossiblyBilledUsd.0) as possibly_billed_usd,"
                " sum(SavingsUsd.0) as estimated_savings_usd, count(*) as requests by caller, caller_id"
            ],
            sort="cost_usd desc",
        ),
    ),
    SavedQuery(
        "Hold exceeded",
        logs.QueryString(
            fields=_fields(
                "@timestamp, request_id, HoldExceeded.0 as calls, CostUsd.0 as cost_usd,"
                " `gen_ai.request.model`, task, caller, caller_id"
            ),
            filter_statements=["ispresent(HoldExceeded.0)"],
            sort="calls desc",
            limit=20,
        ),
    ),
    SavedQuery(
        "Path of one request",
        logs.QueryString(
            fields=_fields("@timestamp, @log, level, message, @message"),
            filter_statements=['request_id = "req_PUT-THE-ID-HERE"'],
            sort="@timestamp asc",
            limit=1000,
        ),
        _function_logs,
    ),
    SavedQuery(
        "Fallbacks by reason",
        logs.QueryString(
            filter_statements=["ispresent(attempt) and ispresent(outcome)"],
            stats_statements=["count(*) as failed_attempts by outcome, provider, model"],
            sort="failed_attempts desc",
        ),
    ),
    SavedQuery(
        "Throttled calls",
        logs.QueryString(
            filter_statements=['status = "429"'],
            stats_statements=["count(*) as calls by caller, caller_id, resource, error_type"],
            sort="calls desc",
        ),
        _access_logs,
    ),
)


def add_queries(scope: Construct, service: str, monitored: MonitoredResources) -> None:
    """Save the queries in a folder of the service."""
    for saved in SAVED_QUERIES:
        logs.QueryDefinition(
            scope,
            f"{saved.name.title().replace(' ', '')}Query",
            query_definition_name=f"{service}/{saved.name}",
            query_string=saved.query,
            log_groups=saved.log_groups(monitored),
        )
