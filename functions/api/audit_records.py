"""Finished requests as their callers see them: the audit record, and the grade of its answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from functions.api.feedback import Grade
from functions.shared.errors import InvalidRequest, NotFound
from functions.shared.request_ids import REQUEST_ID
from functions.shared.storage.request_log import RequestLog
from functions.shared.vocabulary import in_usd

_INTERNAL = frozenset({"day", "expires_at"})


@dataclass(frozen=True)
class AuditRecords:
    """The requests of one caller; those of any other are not found."""

    log: RequestLog
    caller_id: str

    def get(self, request_id: str) -> dict[str, Any]:
        """The row as it was recorded. Raises `NotFound`."""
        row: dict[str, Any] = in_usd(self._row(request_id))
        return {name: value for name, value in row.items() if name not in _INTERNAL}

    def grade(self, request_id: str, grade: Grade) -> dict[str, Any]:
        """Replaces an earlier grade. Raises `NotFound`, and `InvalidRequest` without an answer."""
        feedback = grade.feedback(datetime.now(UTC))
        if not (
            REQUEST_ID.fullmatch(request_id)
            and self.log.put_feedback(request_id, self.caller_id, feedback)
        ):
            self._row(request_id)
            raise InvalidRequest.at(
                "request_id", "the request failed", "There is no answer to grade."
            )
        return {"success": True, "request_id": request_id, "feedback": feedback}

    def _row(self, request_id: str) -> dict[str, Any]:
        row = self.log.get(request_id) if REQUEST_ID.fullmatch(request_id) else None
        if row is None or row["caller_id"] != self.caller_id:
            raise NotFound("There is no such request.")
        return row
