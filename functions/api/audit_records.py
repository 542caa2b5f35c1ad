"""Finished requests as their callers see them: the audit record, and the grade of its answer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from functions.api.audit_record import AuditRecord
from functions.api.feedback import Grade, GradedAnswer
from functions.shared.callers.directory import Directory
from functions.shared.contracts.states import json_of
from functions.shared.errors import Forbidden, InvalidRequest, NotFound
from functions.shared.gateway.reader import Reader
from functions.shared.request_ids import REQUEST_ID
from functions.shared.storage.request_log import RequestLog
from functions.shared.times import restamped
from functions.shared.vocabulary import in_usd

_INTERNAL = frozenset({"day", "expires_at"})
_LOOKS_AGAIN_AFTER_MS = (100, 200, 400, 800, 1500)
NOT_YET = "There is no such request, or not yet: what was answered is recorded within seconds."


@dataclass(frozen=True)
class AuditRecords:
    """The requests that a reader may see; any other is not found."""

    log: RequestLog
    reader: Reader
    names: Directory
    awaited_ms: int
    """How long a row is waited for that is not there."""

    def get(self, request_id: str) -> AuditRecord:
        """The row as it was recorded, with its caller's name, but for what all callers together spent, which
        is an operator's to see. Raises `NotFound`."""
        row: dict[str, Any] = in_usd(restamped(self._row(request_id)))
        if not self.reader.is_operator:
            _hide_the_stages_budget(row)
        recorded = row.get("profile", {}).get("caller", {}).get("name", "")
        shown = {name: value for name, value in row.items() if name not in _INTERNAL}
        caller = self.names.name_of(row["caller_id"], recorded)
        return AuditRecord.model_validate(shown | {"caller": caller})

    def grade(self, request_id: str, grade: Grade) -> GradedAnswer:
        """Replaces an earlier grade; routing learns from what the one who asked thinks, and from
        nobody else.

        Raises `NotFound`, `Forbidden` for an operator, and `InvalidRequest` without an answer.
        """
        feedback = grade.feedback(datetime.now(UTC))
        row = self._row(request_id)
        if not self.reader.is_owner(row["caller_id"]):
            raise Forbidden("Only the key that made a request grades its answer.")
        if not self.log.put_feedback(request_id, self.reader.caller_id, json_of(feedback)):
            raise InvalidRequest.at(
                "request_id", "the request failed", "There is no answer to grade."
            )
        return GradedAnswer(request_id=request_id, feedback=feedback)

    def _row(self, request_id: str) -> dict[str, Any]:
        """Whoever has just got an answer may ask before its row is written."""
        row = self._read(request_id) if REQUEST_ID.fullmatch(request_id) else None
        if row is None or not self.reader.may_see(row["caller_id"]):
            raise NotFound(NOT_YET)
        return row

    def _read(self, request_id: str) -> dict[str, Any] | None:
        waited_ms = 0
        for wait_ms in _LOOKS_AGAIN_AFTER_MS:
            row = self.log.get(request_id)
            if row or waited_ms + wait_ms > self.awaited_ms:
                return row
            time.sleep(wait_ms / 1000)
            waited_ms += wait_ms
        return self.log.get(request_id)


def _hide_the_stages_budget(row: dict[str, Any]) -> None:
    row.get("profile", {}).get("caller", {}).pop("stage_limits", None)
    context = row.get("decision", {}).get("routing_context", {})
    if left := context.get("budgets_left"):
        left["money"] = [one for one in left["money"] if one["owner"] == "caller"]
