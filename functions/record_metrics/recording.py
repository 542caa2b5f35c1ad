"""Writes the request log row and the metrics of one finished request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from functions.record_metrics.emission import emit_metrics
from functions.record_metrics.finished_request import FinishedRequest
from functions.record_metrics.health import changes_of
from functions.record_metrics.rows import row_of
from functions.shared.contracts.states import RecordInput, RecordOutput, json_of
from functions.shared.errors import error_body
from functions.shared.money.caller_spend import spend_changes
from functions.shared.settings import RecordSettings
from functions.shared.storage.dead_letters import DeadLetters
from functions.shared.storage.request_log import RequestLog
from functions.shared.storage.state_table import StateTable, session_state_id
from functions.shared.telemetry.observability import logger

SESSION_KEPT = timedelta(days=1)
"""How long after its last request a conversation is remembered."""


@dataclass(frozen=True)
class Stores:
    """Where a finished request leaves its traces."""

    log: RequestLog
    state: StateTable
    dead_letters: DeadLetters


def record(
    event: RecordInput, settings: RecordSettings, stores: Stores, *, trace_id: str = ""
) -> RecordOutput:
    """Exactly one row per request: a repeated call finds the row and writes nothing.

    A row that cannot be written goes to the dead-letter queue as the event itself. Raises only
    where the queue refuses it too.
    """
    finished = FinishedRequest(event, datetime.now(UTC), trace_id)
    try:
        is_new = stores.log.put_once(row_of(finished, settings.LOG_RETENTION_DAYS))
    except (BotoCoreError, ClientError) as failure:
        logger.error("request log unavailable", error_type=type(failure).__name__)
        stores.dead_letters.send(json_of(event))
        is_new = False  # its metrics come with the replay
    if is_new:
        emit_metrics(finished)
        _keep_state(finished, stores.state)
    if finished.error is None:
        return RecordOutput()
    return RecordOutput(code=finished.error.code, body=error_body(finished.error, event.request_id))


def _keep_state(finished: FinishedRequest, state: StateTable) -> None:
    """Best effort: it makes later decisions better, and no request wrong."""
    event, now = finished.event, finished.now
    try:
        for change in spend_changes(event.caller_id, finished.cost_usd, now):
            state.add(change)
        for change in changes_of(event, finished.attempts, now):
            state.add(change)
        if event.answer and event.profile and event.profile.session_id:
            state.keep_session_model(
                session_state_id(event.caller_id, event.profile.session_id),
                event.answer.routing.selected_model,
                int((now + SESSION_KEPT).timestamp()),
            )
    except (BotoCoreError, ClientError) as failure:
        logger.warning("state unavailable", error_type=type(failure).__name__)
