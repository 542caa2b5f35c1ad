"""Reads every metric out of a dashboard's body and out of alarms, and knows which of them exist."""

import contextlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from functions.record_metrics.emission import emit_metrics
from functions.record_metrics.finished_request import FinishedRequest
from functions.shared.contracts.answer import BilledUsage, Performance
from functions.shared.contracts.states import (
    Attempt,
    CaughtError,
    FailedAttempt,
    LoggedAnswer,
    RecordInput,
)
from functions.shared.errors import ProviderThrottled
from functions.shared.telemetry.observability import count_internal_error
from functions.shared.telemetry.series import (
    COLD_START,
    FUNCTION_NAME,
    NAMESPACE,
    RATE_LIMITED,
    SERVICE,
)
from tests.support.builders import candidate, caught, profile
from tests.support.synthesized import flat

_Model = TypeVar("_Model", bound=BaseModel)


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


def _with_only(model: type[_Model], **fields: Any) -> _Model:
    return model.model_construct(**fields)


def _emitted_by_requests() -> set[Series]:
    """From the lines that a request leaves which was answered after a failed attempt."""
    throttled = CaughtError.model_validate(caught(ProviderThrottled("slow down")))
    failure = FailedAttempt(candidate=candidate("gpt-4o"), error=throttled)
    usage = _with_only(BilledUsage, input_tokens=1, output_tokens=1, savings_nano_usd=1)
    answer = _with_only(
        LoggedAnswer,
        usage=usage,
        performance=Performance(total_time_ms=3, routing_time_ms=1, inference_time_ms=2),
        finish_reason="stop",
    )
    event = RecordInput.model_construct(
        request_id="req_1",
        caller_id="key-1",
        mode="sync",
        started_at="2026-11-24T10:00:00.000Z",
        profile=profile(),
        failures=[failure],
        answer=answer,
        attempt=Attempt(model="gpt-4o-mini", provider="openai", outcome="success", elapsed_ms=2),
    )
    finished = FinishedRequest(event, datetime(2026, 11, 24, 10, tzinfo=UTC), "1-2-3")
    return _declared(lambda: emit_metrics(finished))


def _declared(emit: Callable[[], None]) -> set[Series]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        emit()
    return {
        series(directive["Namespace"], metric["Name"], *dimensions)
        for line in printed.getvalue().splitlines()
        for directive in json.loads(line)["_aws"]["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    }


AWAITED = frozenset(
    {
        ("Crashes", None),
        ("HoldExceeded", None),
        ("PossiblyBilledUsd", None),
        ("SimulatedCostUsd", None),
        ("PossiblyBilledUsd", "model"),
        ("EstimatedUsage", "provider"),
    }
)
"""Name and dimension of what is in the table and drawn, and that no request leaves so far."""

EXISTING = (
    _emitted_by_requests()
    | {series(NAMESPACE, name, SERVICE, *([more] if more else [])) for name, more in AWAITED}
    | _declared(lambda: count_internal_error("one-of-ours"))
    | {series(NAMESPACE, COLD_START, SERVICE, FUNCTION_NAME), series(NAMESPACE, RATE_LIMITED)}
    | _of_aws()
)


def invented(found: Iterable[Series]) -> list[Series]:
    """Those that nothing emits."""
    return [
        one for one in found if series(one.namespace, one.name, *one.dimensions) not in EXISTING
    ]
