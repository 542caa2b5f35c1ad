"""Writes the request log row and the metrics of one finished request."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from functions.record_metrics.health import changes_of
from functions.record_metrics.outcome import attempts_of, error_of
from functions.shared.contracts import (
    Attempt,
    CandidateSummary,
    RecordInput,
    RecordOutput,
    ScoreOutput,
    json_of,
)
from functions.shared.errors import EngineError, error_body
from functions.shared.observability import logger, metrics
from functions.shared.settings import RecordSettings
from functions.shared.stores import DeadLetters, RequestLog, State, session_state_id

DAY_SHARDS = 4
"""Spreads a day's index over partitions, each of which takes 1,000 writes a second."""

SESSION_KEPT = timedelta(days=1)
"""How long after its last request a conversation is remembered."""

_STOPPED_BY_CALLER = frozenset({"invalid_request", "payload_too_large", "not_found"})


_LOGGED_OF_CANDIDATE = {
    *CandidateSummary.model_fields,
    *(f"{name}_score" for name in ("cost", "latency", "quality", "availability")),
    *("mock", "worst_case_cost_usd", "p95_latency_ms", "quality"),
    *("estimated_input_tokens", "estimated_output_tokens"),
}
"""How it is called stands in the catalogue, and a sentence for each would double the row."""


@dataclass(frozen=True)
class Stores:
    """Where a finished request leaves its traces."""

    log: RequestLog
    state: State
    dead_letters: DeadLetters


def record(event: RecordInput, settings: RecordSettings, stores: Stores) -> RecordOutput:
    """Exactly one row per request: a repeated call finds the row and writes nothing.

    A row that cannot be written goes to the dead-letter queue as the event itself. Raises only
    where the queue refuses it too.
    """
    attempts = attempts_of(event)
    error = error_of(event, attempts)
    now = datetime.now(UTC)
    row = row_of(event, attempts, error, now, settings.LOG_RETENTION_DAYS)
    try:
        is_new = stores.log.put_once(row)
    except (BotoCoreError, ClientError) as failure:
        logger.error("request log unavailable", error_type=type(failure).__name__)
        stores.dead_letters.send(json_of(event))
        is_new = False  # its metrics come with the replay
    if is_new:
        emit_metrics(event, attempts, error)
        _keep_state(event, attempts, now, stores.state)
    if error is None:
        return RecordOutput()
    return RecordOutput(code=error.code, body=error_body(error, event.request_id))


def _keep_state(event: RecordInput, attempts: list[Attempt], now: datetime, state: State) -> None:
    """Best effort: it makes later decisions better, and no request wrong."""
    try:
        for change in changes_of(event, attempts, now):
            state.add(change)
        if event.answer and event.profile and event.profile.session_id:
            state.keep_session_model(
                session_state_id(event.api_key_id, event.profile.session_id),
                event.answer.routing.selected_model,
                int((now + SESSION_KEPT).timestamp()),
            )
    except (BotoCoreError, ClientError) as failure:
        logger.warning("state unavailable", error_type=type(failure).__name__)


def row_of(
    event: RecordInput,
    attempts: list[Attempt],
    error: EngineError | None,
    now: datetime,
    retention_days: int,
) -> dict[str, Any]:
    """The log's item, JSON values; no answer in it, and a prompt only where the stage logs them."""
    created_at = datetime.fromisoformat(event.started_at).astimezone(UTC)
    shard = zlib.crc32(event.request_id.encode()) % DAY_SHARDS
    row: dict[str, Any] = {
        "request_id": event.request_id,
        "api_key_id": event.api_key_id,
        "mode": event.mode,
        "status": "SUCCEEDED" if error is None else "FAILED",
        "created_at": created_at.isoformat(timespec="milliseconds"),
        "day_shard": f"{created_at:%Y-%m-%d}#{shard}",
        "finished_at": now.isoformat(timespec="milliseconds"),
        "expires_at": int((now + timedelta(days=retention_days)).timestamp()),
        "attempts": [json_of(attempt) for attempt in attempts],
    }
    if event.profile:
        row["task"] = event.profile.task
        row["profile"] = json_of(event.profile)
    if event.decision:
        row["decision"] = _decision(event.decision)
        row["price_version"] = event.decision.price_version
        row["policy_version"] = event.decision.policy_version
    if event.answer:
        row["model"] = event.answer.routing.selected_model
        row["provider"] = event.answer.routing.provider
        row["usage"] = json_of(event.answer.usage)
        row["performance"] = json_of(event.answer.performance)
        row["mock"] = event.answer.mock
    if error:
        row["error"] = {"code": error.code, "message": error.message}
    if event.logged_prompt:
        row["prompt"] = event.logged_prompt
    return row


def _decision(decision: ScoreOutput) -> dict[str, Any]:
    logged = json_of(decision)
    for ranked in ("candidates", "reserve"):
        logged[ranked] = [
            {name: value for name, value in one.items() if name in _LOGGED_OF_CANDIDATE}
            for one in logged[ranked]
        ]
    logged["reason"] = decision.candidates[0].reason
    return logged


def emit_metrics(event: RecordInput, attempts: list[Attempt], error: EngineError | None) -> None:
    """EMF with bounded dimensions only: model, provider, task, outcome. Ids are log fields."""
    outcome = error.code if error else "success"
    last = attempts[-1] if attempts else None
    dimensions = {
        "model": last.model if last else "none",
        "provider": last.provider if last else "none",
        "task": event.profile.task if event.profile else "none",
        "outcome": outcome,
    }
    for name, value in dimensions.items():
        metrics.add_dimension(name, value)
    metrics.add_metadata("request_id", event.request_id)
    metrics.add_metadata("api_key_id", event.api_key_id)
    started_ms = datetime.fromisoformat(event.started_at).timestamp() * 1000
    latency_ms = max(0.0, time.time() * 1000 - started_ms)
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    metrics.add_metric("Errors", MetricUnit.Count, float(_is_fault(error)))
    metrics.add_metric("Fallbacks", MetricUnit.Count, len(event.failures))
    metrics.add_metric("LatencyMs", MetricUnit.Milliseconds, latency_ms)
    if event.answer:
        usage, performance = event.answer.usage, event.answer.performance
        metrics.add_metric("InputTokens", MetricUnit.Count, usage.input_tokens)
        metrics.add_metric("OutputTokens", MetricUnit.Count, usage.output_tokens)
        metrics.add_metric("CostUsd", MetricUnit.NoUnit, float(usage.total_cost_usd))
        metrics.add_metric("SavingsUsd", MetricUnit.NoUnit, float(usage.savings_usd))
        metrics.add_metric("RoutingMs", MetricUnit.Milliseconds, performance.routing_time_ms)
        metrics.add_metric("InferenceMs", MetricUnit.Milliseconds, performance.inference_time_ms)


def _is_fault(error: EngineError | None) -> bool:
    return error is not None and error.code not in _STOPPED_BY_CALLER
