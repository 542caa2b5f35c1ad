"""Leaves the traces of a finished request: a list of effects, in order.

Metrics, the caller's spend and the models' health follow from the row, by the table's stream
(`functions/tally`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from functions.record_metrics.finished_request import FinishedRequest
from functions.record_metrics.jobs import ended_job
from functions.record_metrics.refusals import refused_limits
from functions.record_metrics.rows import row_of
from functions.shared.caller import Caller
from functions.shared.contracts.states import RecordInput, RecordOutput, json_of
from functions.shared.errors import error_body
from functions.shared.kept_answers.answer_table import AnswerTable
from functions.shared.money.attempts import is_untold
from functions.shared.money.budget_table import BudgetTable
from functions.shared.money.job_calls import calls_id
from functions.shared.storage.dead_letters import DeadLetters
from functions.shared.storage.job_table import JobTable
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
    budgets: BudgetTable
    answers: AnswerTable
    jobs: JobTable
    retention_days: int


class AlreadyRecorded(Exception):
    """The request has its row, and with it all that follows."""


@dataclass(frozen=True)
class Effect:
    """`leave` raises `BotoCoreError` and `ClientError` where its store does not take it.

    Where a *must* fails, the whole event waits for replay and nothing after it happens; where
    another fails, the log says so and the rest goes on. What is left *again* is so by a repeated call, too,
    and is the same afterwards.
    """

    name: str
    leave: Callable[[FinishedRequest, Stores], None]
    must: bool = False
    again: bool = False


def _claims(finished: FinishedRequest, stores: Stores) -> None:
    """Whoever waits for the answer, or comes with the same key, may ask itself."""
    event = finished.event
    if event.profile and finished.error:
        for claim in event.profile.claims:
            stores.answers.release(claim, event.request_id)


def _row(finished: FinishedRequest, stores: Stores) -> None:
    if not stores.log.put_once(row_of(finished, stores.retention_days)):
        raise AlreadyRecorded


def _session(finished: FinishedRequest, stores: Stores) -> None:
    event, attempt = finished.event, finished.event.attempt
    if event.answer and attempt and event.profile and event.profile.session_id:
        stores.state.keep_session_model(
            session_state_id(event.caller_id, event.profile.session_id),
            attempt.model,
            int((finished.now + SESSION_KEPT).timestamp()),
        )


def _refusal(finished: FinishedRequest, stores: Stores) -> None:
    for refused in refused_limits(finished):
        stores.budgets.note_refusal(refused.budget_id, refused.name, refused.limit_nano_usd)


def _job(finished: FinishedRequest, stores: Stores) -> None:
    if finished.event.mode == "async":
        stores.jobs.put_end(ended_job(finished, stores.retention_days))


EFFECTS = (
    Effect("claims", _claims),
    Effect("row", _row, must=True),
    Effect("session", _session),
    Effect("refusal", _refusal),
    # Again: one that was stopped after it had been recorded is told as its execution ended.
    Effect("job", _job, must=True, again=True),
)


def record(event: RecordInput, stores: Stores, *, trace_id: str = "") -> RecordOutput:
    """Exactly one row per request: a repeated call finds the row and leaves nothing but what is left again.

    Raises only where the dead-letter queue refuses what a *must* could not leave.
    """
    finished = _finished(event, stores, trace_id)
    try:
        _leave(EFFECTS, finished, stores)
    except AlreadyRecorded:
        logger.info("recorded before")
        _leave([one for one in EFFECTS if one.again], finished, stores)
    if finished.error is None:
        return RecordOutput()
    return RecordOutput(code=finished.error.code, body=error_body(finished.error, event.request_id))


def _finished(event: RecordInput, stores: Stores, trace_id: str) -> FinishedRequest:
    """With what is known of calls that were made and told nothing: of a job, or of a caller with a budget."""
    finished = FinishedRequest(event, datetime.now(UTC), trace_id)
    caller = event.profile.caller if event.profile else Caller()
    if event.mode != "async" and not caller.is_limited:
        return finished
    if not any(is_untold(failure) for failure in event.failures):
        return finished
    item = calls_id(event.request_id)
    try:
        kept = stores.state.read([item], consistent=True).get(item, {})
        finished = replace(finished, kept=kept)
        return replace(finished, budget=stores.budgets.holding(event.caller_id, caller))
    except (BotoCoreError, ClientError) as failure:
        logger.warning("kept calls not read", error_type=type(failure).__name__)
        return finished


def _leave(effects: Iterable[Effect], finished: FinishedRequest, stores: Stores) -> None:
    for effect in effects:
        if not _left(effect, finished, stores):
            stores.dead_letters.send(json_of(finished.event))
            break


def _left(effect: Effect, finished: FinishedRequest, stores: Stores) -> bool:
    """Whether to go on with the next effect."""
    try:
        effect.leave(finished, stores)
    except (BotoCoreError, ClientError) as failure:
        log = logger.error if effect.must else logger.warning
        log("effect failed", effect=effect.name, error_type=type(failure).__name__)
        return not effect.must
    return True
