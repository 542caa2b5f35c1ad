"""The metrics of a finished request, in CloudWatch's embedded metric format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

from functions.record_metrics.finished_request import SUCCESS, FinishedRequest
from functions.shared.contracts.states import Attempt
from functions.shared.errors import (
    ERRORS_BY_NAME,
    HTTP_STATUS,
    ContentFiltered,
    InvalidRequest,
    ProviderError,
)
from functions.shared.telemetry.gen_ai import answer_fields, call_fields
from functions.shared.telemetry.series import (
    NAMESPACE,
    OF_ATTEMPTS,
    OF_REQUESTS,
    OTHER,
    SERVICE,
    UNITS,
    Family,
)
from functions.shared.times import epoch_ms
from functions.shared.vocabulary import usd

Values = Mapping[str, float | None]
"""By metric; None where the event has no such value."""
Dimensions = Mapping[str, str | None]

_ATTEMPT_ERRORS = frozenset(
    name
    for name, kind in ERRORS_BY_NAME.items()
    if issubclass(kind, ProviderError | ContentFiltered | InvalidRequest)
)
_UNSURE = "AnswerUnsure"
"""No failure: how a local model hands on."""
_PROVIDERS_FAULTS = frozenset(
    name for name, kind in ERRORS_BY_NAME.items() if issubclass(kind, ProviderError)
) - {_UNSURE, "ContextWindowExceeded"}


def emit_metrics(finished: FinishedRequest) -> None:
    """One line for the request, and one for each of its attempts.

    Ids are fields of the lines and never dimensions, each value of which is billed as a metric.
    """
    timestamp_ms = epoch_ms(finished.now)
    profile = finished.event.profile
    dimensions = {
        "task": profile.task if profile else None,
        "model_preference": profile.model_preference if profile else None,
        "outcome": finished.outcome,
    }
    fields = _ids(finished) | _gen_ai(finished)
    _emit(OF_REQUESTS, _values(finished), dimensions, fields, timestamp_ms)
    for number, attempt in enumerate(finished.attempts, start=1):
        outcome = attempt.outcome
        named = outcome if outcome in _ATTEMPT_ERRORS else OTHER
        dimensions = {
            "model": attempt.model,
            "provider": attempt.provider,
            "outcome": None if outcome in {SUCCESS, _UNSURE} else named,
        }
        fields = _ids(finished) | {"attempt": number, "elapsed_ms": attempt.elapsed_ms}
        if outcome == _UNSURE:
            fields["outcome"] = outcome
        values = _attempt_values(attempt, _most_nano_usd(finished, attempt))
        _emit(OF_ATTEMPTS, values, dimensions, fields, timestamp_ms)


def _values(finished: FinishedRequest) -> Values:
    error, answer = finished.error, finished.event.answer
    usage, performance = (answer.usage, answer.performance) if answer else (None, None)
    return {
        "Requests": 1,
        "Errors": 1 if error and HTTP_STATUS[error.code] >= 500 else 0,
        "Fallbacks": finished.fallbacks,
        "CostUsd": _usd(finished.cost_nano_usd),
        "PossiblyBilledUsd": _usd(finished.possibly_billed_nano_usd) or None,
        "SimulatedCostUsd": _usd(finished.simulated_cost_nano_usd) or None,
        "SavingsUsd": _usd(finished.savings_nano_usd),
        # A request that is refused before a model is asked would only make the others look quick.
        "LatencyMs": finished.latency_ms if finished.attempts else None,
        "InputTokens": usage.input_tokens if usage else None,
        "OutputTokens": usage.output_tokens if usage else None,
        "RoutingMs": performance.routing_time_ms if performance else None,
        "InferenceMs": performance.inference_time_ms if performance else None,
    }


def _most_nano_usd(finished: FinishedRequest, attempt: Attempt) -> int:
    """The worst case that admitted the call."""
    decision = finished.event.decision
    if decision is None:
        return attempt.cost_nano_usd
    return decision.ranked(attempt.model).worst_case_cost_nano_usd


def _attempt_values(attempt: Attempt, most_nano_usd: int) -> Values:
    answered = attempt.outcome == SUCCESS
    is_estimated = attempt.usage and attempt.usage.estimated and attempt.provider != "local"
    return {
        "AttemptErrors": 1 if attempt.outcome in _PROVIDERS_FAULTS else 0,
        "Throttles": 1 if attempt.outcome == "ProviderThrottled" else 0,
        "InferenceMs": attempt.elapsed_ms if answered else None,
        "CostUsd": _usd(attempt.cost_nano_usd),
        "PossiblyBilledUsd": _usd(attempt.possibly_billed_nano_usd) or None,
        "EstimatedUsage": 1 if is_estimated else None,
        "HoldExceeded": 1 if attempt.cost_nano_usd > most_nano_usd else None,
    }


def _usd(nano_usd: int) -> float:
    return float(usd(nano_usd))


def _ids(finished: FinishedRequest) -> dict[str, Any]:
    event = finished.event
    return {
        "request_id": event.request_id,
        "caller_id": event.caller_id,
        "mode": event.mode,
        "trace_id": finished.trace_id,
    }


def _gen_ai(finished: FinishedRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {"attempts": len(finished.attempts)}
    if last := finished.last_attempt:
        fields |= call_fields(last.model, last.provider)
    if answer := finished.event.answer:
        usage = answer.usage
        fields |= answer_fields(usage.input_tokens, usage.output_tokens, answer.finish_reason)
    if finished.error:
        fields["error.type"] = finished.error.code
    return fields


def _emit(
    families: Sequence[Family],
    values: Values,
    dimensions: Dimensions,
    fields: Mapping[str, Any],
    timestamp_ms: int,
) -> None:
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
    print(json.dumps(line, separators=(",", ":")))  # noqa: T201 - how the format reaches CloudWatch
