"""What the list of jobs shows of one that has ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from functions.record_metrics.finished_request import FinishedRequest
from functions.shared.storage.job_table import EndedJob
from functions.shared.times import stamp


def ended_job(finished: FinishedRequest, retention_days: int) -> EndedJob:
    event = finished.event
    ended_at = datetime.fromisoformat(event.stopped_at) if event.stopped_at else finished.now
    return EndedJob(
        execution_id=event.request_id,
        caller_id=event.caller_id,
        submitted_at=stamp(finished.created_at),
        status=finished.status,
        finished_at=stamp(ended_at),
        expires_at=int((finished.now + timedelta(days=retention_days)).timestamp()),
        task=event.profile.task if event.profile else None,
        error_code=finished.error.code if finished.error else None,
    )
