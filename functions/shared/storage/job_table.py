"""The table of jobs, of which they are listed: an item each, first put by `statemachine/submit.asl.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from functions.shared.storage.conditions import refusing_item
from functions.shared.storage.tables import table
from functions.shared.storage.time_index import Page, TimeIndex, newest_page
from functions.shared.vocabulary import EndStatus

BY_CALLER = TimeIndex("by_caller", partition="caller_id", time="submitted_at")

LISTED = (
    "execution_id", "caller_id", "submitted_at", "status", "finished_at", "task", "error_code",
)  # fmt: skip
"""What the index holds of a job."""


@dataclass(frozen=True)
class EndedJob:
    """A job at its end; times as `stamp` writes them, `expires_at` in seconds since the epoch."""

    execution_id: str
    caller_id: str
    submitted_at: str
    status: EndStatus
    finished_at: str
    expires_at: int
    task: str | None
    error_code: str | None


class JobTable:
    """One item per job, keyed by `execution_id`."""

    def __init__(self, table_name: str) -> None:
        self._table = table(table_name)

    def put_end(self, job: EndedJob) -> None:
        """With all that a list shows, so that a first write that failed is made good; where it did not,
        the job keeps its place in the list. Raises `ClientError`."""
        told = {name: value for name, value in asdict(job).items() if value is not None}
        self._update(told.pop("execution_id"), told)

    def put_aborted(self, execution_id: str, finished_at: str, error_code: str) -> None:
        """Of a listed job, until its end is recorded with the rest. Raises `ClientError`."""
        told = {"status": "ABORTED", "finished_at": finished_at, "error_code": error_code}
        condition = "attribute_exists(execution_id)"
        refusing_item(lambda: self._update(execution_id, told, ConditionExpression=condition))

    def newest(
        self,
        caller_id: str,
        first: str,
        last: str,
        *,
        equal: Mapping[str, str],
        limit: int | None,
        after: dict[str, Any] | None,
    ) -> Page:
        """One query of a caller's jobs, as `newest_page`."""
        return newest_page(
            self._table, BY_CALLER, caller_id, first, last, equal=equal, limit=limit, after=after
        )

    def _update(self, execution_id: str, told: dict[str, Any], **condition: str) -> None:
        changes = [f"#{name} = {_value(name)}" for name in told]
        self._table.update_item(
            Key={"execution_id": execution_id},
            UpdateExpression=f"SET {', '.join(changes)}",
            ExpressionAttributeNames={f"#{name}": name for name in told},
            ExpressionAttributeValues={f":{name}": value for name, value in told.items()},
            **condition,
        )


def _value(name: str) -> str:
    time = BY_CALLER.time
    return f"if_not_exists(#{time}, :{time})" if name == time else f":{name}"
