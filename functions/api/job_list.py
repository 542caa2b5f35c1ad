"""`GET /jobs`: a caller's own jobs, newest first, page by page."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from pydantic import ConfigDict

from functions.shared.gateway.paging import PageQuery, Paging, Part, Position
from functions.shared.storage.job_table import BY_CALLER, JobTable
from functions.shared.times import stamp
from functions.shared.vocabulary import EndStatus, Frozen, Listing, Task

_EARLIEST = datetime.min.replace(tzinfo=UTC)

JobStatus = Literal["RUNNING", EndStatus]


class JobsQuery(PageQuery):
    status: JobStatus | None = None


class ListedJob(Frozen):
    """Null is what a running job has not yet, and what one never had that ended early or in no error."""

    model_config = ConfigDict(extra="ignore")

    execution_id: str
    status: JobStatus
    submitted_at: str
    finished_at: str | None = None
    status_url: str
    task: Task | None = None
    error_code: str | None = None


class JobsPage(Listing):
    """Go on while there is a `next_cursor`: a page of filtered jobs may be short, or empty."""

    data: list[ListedJob]


def jobs_page(
    query: JobsQuery, caller_id: str, jobs: JobTable, jobs_path: str, now: datetime
) -> JobsPage:
    """One query of the index, unless a filter leaves too little; `jobs_path` is where a job's status is.

    Raises `InvalidRequest` for a cursor that is not ours, and `ClientError`.
    """
    first, last, position = query.stretch(_EARLIEST, now.astimezone(UTC))
    rows, cursor = list[dict[str, Any]](), None
    if stamp(first) <= stamp(last):
        equal = {"status": query.status} if query.status else {}
        paging = Paging(BY_CALLER.time, "execution_id", is_filtered=bool(equal))
        read = partial(jobs.newest, caller_id, stamp(first), stamp(last), equal=equal)
        part = Part(read, _behind(position, caller_id))
        rows, cursor = paging.first_page([part], query.limit)
    return JobsPage(
        data=[
            ListedJob.model_validate(row | {"status_url": f"{jobs_path}/{row['execution_id']}"})
            for row in rows
        ],
        next_cursor=cursor,
    )


def _behind(position: Position | None, caller_id: str) -> dict[str, Any] | None:
    """The key of the index there; a cursor of another list may name no job."""
    if position is None or position.row_id is None:
        return None
    return {
        "execution_id": position.row_id,
        BY_CALLER.time: position.time,
        BY_CALLER.partition: caller_id,
    }
