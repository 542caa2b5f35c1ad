"""Reads every metric out of a dashboard's body and out of alarms, and knows which of them exist."""

import contextlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from functions.shared.contracts.states import SUCCESS
from functions.shared.errors import ProviderTimeout
from functions.shared.telemetry.observability import count, count_internal_error
from functions.shared.telemetry.series import (
    BUDGET_UNAVAILABLE,
    COLD_START,
    FUNCTION_NAME,
    HOLD_ASSUMED,
    NAMESPACE,
    RATE_LIMITED,
    SERVICE,
)
from tests.support.builders import candidate, caught, decision, finished, ranked
from tests.support.row_stream import metric_lines
from tests.support.synthesized import flat


@dataclass(frozen=True)
class Series:
    namespace: str
    name: str
    dimensions: frozenset[str]
    values: tuple[tuple[str, str], ...] = ()


def series(namespace: str, name: str, *dimensions: str) -> Series:
    return Series(namespace, name, frozenset(dimensions))


_SEARCH = re.compile(r"SEARCH\('\{([^}]+)\} ([^']+)', '\w+'\)")
_TERM = re.compile(r'(\w+)="([^"]+)"')
_NAME = re.compile(r"\b[a-z]\w*\b")


def searched(expression: str) -> Series:
    """What a SEARCH looks for. Raises ValueError for one that cannot be read."""
    found = _SEARCH.fullmatch(expression)
    if found is None:
        raise ValueError(expression)
    namespace, *dimensions = found[1].split(",")
    terms = dict(_TERM.findall(found[2]))
    if not terms.keys() <= {"MetricName", *dimensions}:
        raise ValueError(expression)
    return series(namespace, terms["MetricName"], *dimensions)


def of_widget(widget: dict[str, Any]) -> Iterator[Series]:
    """The series of a metric widget. Raises ValueError for math on what the widget lacks."""
    rows = widget["properties"]["metrics"]
    ids = {row[-1]["id"] for row in rows if "id" in row[-1]}
    for row in rows:
        if expression := row[-1].get("expression"):
            if expression.startswith("SEARCH"):
                yield searched(expression)
            elif unknown := set(_NAME.findall(expression)) - ids:
                raise ValueError(f"{expression} needs {unknown}")
        else:
            namespace, name, *pairs = row[:-1]
            values = tuple(zip(pairs[::2], pairs[1::2], strict=True))
            yield Series(namespace, name, frozenset(pairs[::2]), values)


def of_alarm(alarm: dict[str, Any]) -> Iterator[Series]:
    """The series of an alarm. Raises ValueError for math on what the alarm lacks."""
    rows = alarm.get("Metrics", [])
    ids = {row["Id"] for row in rows}
    for row in rows:
        if unknown := set(_NAME.findall(row.get("Expression", ""))) - ids:
            raise ValueError(f"{row['Expression']} needs {unknown}")
    metrics = [row["MetricStat"]["Metric"] for row in rows if "MetricStat" in row]
    for metric in metrics or [alarm]:
        values = tuple((one["Name"], flat(one["Value"])) for one in metric.get("Dimensions", ()))
        names = frozenset(name for name, _ in values)
        yield Series(metric["Namespace"], metric["MetricName"], names, values)


@dataclass(frozen=True)
class AwsMetrics:
    """Metrics that AWS's services leave by themselves: `names` with blanks between them, as the `page`
    of https://docs.aws.amazon.com says."""

    namespace: str
    dimensions: tuple[str, ...]
    names: str
    page: str


AWS_METRICS = (
    AwsMetrics(
        "AWS/States",
        ("StateMachineArn",),
        "ExecutionTime ExecutionThrottled ExecutionsAborted ExecutionsFailed ExecutionsSucceeded"
        " ExecutionsTimedOut",
        "step-functions/latest/dg/procedure-cw-metrics.html",
    ),
    AwsMetrics(
        "AWS/Lambda",
        ("FunctionName",),
        "Duration Errors Throttles ConcurrentExecutions",
        "lambda/latest/dg/monitoring-metrics-types.html",
    ),
    AwsMetrics(
        "AWS/DynamoDB",
        ("TableName",),
        "ReadThrottleEvents WriteThrottleEvents",
        "amazondynamodb/latest/developerguide/metrics-dimensions.html",
    ),
    AwsMetrics(
        "AWS/ApiGateway",
        ("ApiName", "Stage"),
        "Count 4XXError 5XXError Latency",
        "apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html",
    ),
    AwsMetrics(
        "AWS/SQS",
        ("QueueName",),
        "ApproximateNumberOfMessagesVisible",
        "AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html",
    ),
)


def _of_aws() -> set[Series]:
    names = ((row, name) for row in AWS_METRICS for name in row.names.split())
    return {series(row.namespace, name, *row.dimensions) for row, name in names}


def _emitted_by_requests() -> set[Series]:
    """From the lines that requests leave: one answered after a failed attempt, and one by a simulator,
    at an estimated usage that was dearer than it could be."""
    usage = {
        "input_tokens": 1, "cached_input_tokens": 0, "output_tokens": 1, "total_cost_nano_usd": 1,
        "usage_source": "provider", "baseline_model": None, "baseline_cost_nano_usd": 1,
        "savings_nano_usd": 0, "price_version": "1",
    }  # fmt: skip
    performance = {"total_time_ms": 3, "routing_time_ms": 1, "inference_time_ms": 2}
    answer = {"mock": False, "finish_reason": "stop", "usage": usage, "performance": performance}
    attempt = {
        "model": "gpt-4o-mini", "provider": "openai", "outcome": SUCCESS, "usage": {"estimated": True},
        "cost_nano_usd": 2, "simulated_cost_nano_usd": 1,
    }  # fmt: skip
    event = finished(
        decision=decision(ranked(worst_case_cost_nano_usd=1), ranked("gpt-4o")),
        failures=[{"candidate": candidate("gpt-4o"), "error": caught(ProviderTimeout("slow"))}],
        answer=answer,
        attempt=attempt,
        times={"classify_ms": 1, "claim_ms": 1, "score_ms": 1},
    )
    return _declared(metric_lines([event], datetime(2026, 11, 24, 10, tzinfo=UTC)))


def _counted_by_functions() -> set[Series]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        count_internal_error("one-of-ours")
        for metric in (HOLD_ASSUMED, BUDGET_UNAVAILABLE):
            count(metric)
    return _declared(map(json.loads, filter(None, printed.getvalue().splitlines())))


def _declared(lines: Iterable[dict[str, Any]]) -> set[Series]:
    return {
        series(directive["Namespace"], metric["Name"], *dimensions)
        for line in lines
        for directive in line["_aws"]["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    }


EXISTING = (
    _emitted_by_requests()
    | _counted_by_functions()
    | {series(NAMESPACE, COLD_START, SERVICE, FUNCTION_NAME), series(NAMESPACE, RATE_LIMITED)}
    | _of_aws()
)


def invented(found: Iterable[Series]) -> list[Series]:
    """Those that nothing emits."""
    return [
        one for one in found if series(one.namespace, one.name, *one.dimensions) not in EXISTING
    ]
