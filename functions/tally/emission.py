"""The metrics of a finished request, in CloudWatch's embedded metric format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

from functions.shared.contracts.states import SUCCESS
from functions.shared.errors import (
    ERRORS_BY_NAME,
    HTTP_STATUS,
    ContentFiltered,
    InvalidRequest,
    ProviderError,
    is_foreign,
)
from functions.shared.telemetry.gen_ai import answer_fields, call_fields
from functions.shared.telemetry.series import (
    NAMESPACE,
    OF_ATTEMPTS,
    OF_REQUESTS,
    OTHER,
    SERVICE,
    STEPS,
    UNITS,
    Family,
)
from functions.shared.times import epoch_ms
from functions.shared.vocabulary import usd

Values = Mapping[str, float | None]
"""By metric; None where the event has no such value."""
Dimensions = Mapping[str, str | None]
Row = Mapping[str, Any]
"""Of the request log, JSON values."""

_UNSURE = "AnswerUnsure"
"""No failure: how a local model hands on."""
_PROVIDERS_FAULTS = frozenset(
    name for name, kind in ERRORS_BY_NAME.items() if issubclass(kind, ProviderError)
) - {_UNSURE, "AnswerUnfit", "ContextWindowExceeded"}
_ATTEMPT_ERRORS = frozenset(
    name
    for name, kind in ERRORS_BY_NAME.items()
    if issubclass(kind, ProviderError | ContentFiltered | InvalidRequest)
)


def lines_of(row: Row) -> Iterator[str]:
    """One line for the request, and one for each of its attempts, with the time of its record.

    Ids are fields of the lines and never dimensions, each value of which is billed as a metric.
    """
    timestamp_ms = epoch_ms(datetime.fromisoformat(row["finished_at"]))
    dimensions = {
        "task": row.get("task"),
        "model_preference": row.get("model_preference"),
        "outcome": row.get("error_code", SUCCESS),
    }
    yield _line(OF_REQUESTS, _values(row), dimensions, _ids(row) | _gen_ai(row), timestamp_ms)
    for number, attempt in enumerate(row["attempts"], start=1):
        outcome = attempt["outcome"]
        named = outcome if outcome in _ATTEMPT_ERRORS else OTHER
        dimensions = {
            "model": attempt["model"],
            "provider": attempt["provider"],
            "outcome": None if outcome in {SUCCESS, _UNSURE} else named,
        }
        fields = _ids(row) | {"attempt": number, "elapsed_ms": attempt["elapsed_ms"]}
        if outcome == _UNSURE:
            fields["outcome"] = outcome
        yield _line(OF_ATTEMPTS, _attempt_values(attempt), dimensions, fields, timestamp_ms)


def _values(row: Row) -> Values:
    code = row.get("error_code")
    return {
        "Requests": 1,
        "Errors": 1 if code and HTTP_STATUS[code] >= 500 else 0,
        "Fallbacks": row["fallbacks"],
        "CacheHits": 1 if row.get("cache") == "hit" else 0,
        "CacheMisses": 1 if row.get("cache") == "miss" else 0,
        "CostUsd": _usd(row["cost_nano_usd"]),
        "PossiblyBilledUsd": _usd(row.get("possibly_billed_nano_usd", 0)),
        "SimulatedCostUsd": _usd(row.get("simulated_cost_nano_usd", 0)),
        "Crashes": _crashes(row),
        "HoldExceeded": _holds_exceeded(row),
        "SavingsUsd": _usd(row["savings_nano_usd"]),
        # A request that is refused before a model is asked would only make the others look quick.
        **(_times(row) if row["attempts"] else {}),
        # Of a kept answer nothing was read, written or waited for.
        **({} if row.get("cache") == "hit" else _samples(row)),
    }


def _times(row: Row) -> Values:
    """Rows of an earlier version know no more than the first."""
    steps_ms = row.get("steps_ms", {})
    parts = {metric: steps_ms.get(step) for step, metric in STEPS.items()}
    return {"LatencyMs": row["latency_ms"], "OverheadMs": row.get("overhead_ms"), **parts}


def _samples(row: Row) -> Values:
    performance = row.get("performance", {})
    return {
        "InputTokens": row.get("input_tokens"),
        "OutputTokens": row.get("output_tokens"),
        "RoutingMs": performance.get("routing_time_ms"),
        "InferenceMs": performance.get("inference_time_ms"),
    }


def _crashes(row: Row) -> int:
    """Its functions that no code of ours outlived: their errors have no name of ours."""
    attempts = [attempt["outcome"] for attempt in row["attempts"]]
    last = row.get("error_class", SUCCESS)
    names = attempts if last in attempts else [*attempts, last]
    return sum(name != SUCCESS and is_foreign(name) for name in names)


def _holds_exceeded(row: Row) -> int:
    """Its calls that cost more than the worst case that each was admitted with."""
    decision = row.get("decision", {})
    ranked = (*decision.get("candidates", ()), *decision.get("reserve", ()))
    worst = {one["model"]: one["worst_case_cost_nano_usd"] for one in ranked}
    return sum(
        one["cost_nano_usd"] > worst.get(one["model"], one["cost_nano_usd"])
        for one in row["attempts"]
    )


def _attempt_values(attempt: Row) -> Values:
    answered, cost = attempt["outcome"] == SUCCESS, attempt["cost_nano_usd"]
    is_estimated = attempt.get("usage", {}).get("estimated") and attempt["provider"] != "local"
    return {
        "AttemptErrors": 1 if attempt["outcome"] in _PROVIDERS_FAULTS else 0,
        "Throttles": 1 if attempt["outcome"] == "ProviderThrottled" else 0,
        "InferenceMs": attempt["elapsed_ms"] if answered else None,
        "CostUsd": _usd(cost),
        "PossiblyBilledUsd": _usd(attempt.get("possibly_billed_nano_usd", 0)),
        "EstimatedUsage": 1 if is_estimated else 0,
    }


def _usd(nano_usd: int) -> float:
    return float(usd(nano_usd))


def _ids(row: Row) -> dict[str, Any]:
    """Of a request that never passed Classify nobody recorded whose it was by name."""
    ids = {name: row[name] for name in ("request_id", "caller_id", "mode")}
    name = row.get("profile", {}).get("caller", {}).get("name")
    return ids | ({"caller": name} if name else {}) | {"trace_id": row.get("trace_id", "")}


def _gen_ai(row: Row) -> dict[str, Any]:
    fields: dict[str, Any] = {"attempts": len(row["attempts"])}
    if "model" in row:
        fields |= call_fields(row["model"], row["provider"])
    if "finish_reason" in row:
        fields |= answer_fields(row["input_tokens"], row["output_tokens"], row["finish_reason"])
    if "error_code" in row:
        fields["error.type"] = row["error_code"]
    return fields


def _line(
    families: Sequence[Family],
    values: Values,
    dimensions: Dimensions,
    fields: Mapping[str, Any],
    timestamp_ms: int,
) -> str:
    """One log line with a directive per family, since each counts other metrics."""
    sink = AmazonCloudWatchEMFProvider(namespace=NAMESPACE)
    for name, value in values.items():
        if value is not None:
            sink.add_metric(name, UNITS[name], value)
    for name, text in dimensions.items():
        if text is not None:
            sink.add_dimension(name, text)
    for name, value in fields.items():
        sink.add_metadata(name, value)
    sink.set_timestamp(timestamp_ms)
    line: dict[str, Any] = dict(sink.serialize_metric_set())
    [directive] = line["_aws"]["CloudWatchMetrics"]
    given = {SERVICE, *(name for name, text in dimensions.items() if text is not None)}
    line["_aws"]["CloudWatchMetrics"] = [
        {
            **directive,
            "Dimensions": [family.dimensions],
            "Metrics": [one for one in directive["Metrics"] if one["Name"] in family.metrics],
        }
        for family in families
        if given.issuperset(family.dimensions)
    ]
    return json.dumps(line, separators=(",", ":"))
