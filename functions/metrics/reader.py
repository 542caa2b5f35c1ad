"""Who reads the request log, and which parts of it that may be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.shared.errors import Forbidden
from functions.shared.storage.request_log import BY_CALLER, BY_DAY

Partition = tuple[str, str]
"""An index of the request log, and the day or the caller that is read of it."""


@dataclass(frozen=True)
class Reader:
    """Who reads the log: a key its own rows, an operator's key all of them."""

    caller_id: str
    is_operator: bool

    def partitions(
        self, caller_id: str | None, first: datetime, last: datetime
    ) -> Iterator[Partition]:
        """Newest first. Raises `Forbidden` for another's key."""
        if not self.is_operator:
            if caller_id not in {None, self.caller_id}:
                raise Forbidden("Only a key of the operators' plan sees the requests of others.")
            caller_id = self.caller_id
        if caller_id is not None:
            yield BY_CALLER, caller_id
            return
        for back in range((last.date() - first.date()).days + 1):
            yield BY_DAY, str(last.date() - timedelta(days=back))
