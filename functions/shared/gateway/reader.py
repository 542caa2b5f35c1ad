"""Who asks, and what that may see: its own, an operator everything, nobody else anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from functions.shared.errors import Forbidden
from functions.shared.gateway.rest import caller_id_of, caller_of
from functions.shared.storage.request_log import BY_CALLER, BY_DAY

Partition = tuple[str, str]
"""An index of the request log, and the day or the caller that is read of it."""


@dataclass(frozen=True)
class Reader:
    """Owner of what it made, operator of all there is, or nobody."""

    caller_id: str
    is_operator: bool

    @classmethod
    def of(cls, event: APIGatewayProxyEvent) -> Self:
        """Raises `Forbidden` once the caller's time has passed."""
        return cls(caller_id_of(event), caller_of(event).is_operator)

    def is_owner(self, caller_id: str) -> bool:
        return caller_id == self.caller_id

    def may_see(self, caller_id: str) -> bool:
        """What that caller made."""
        return self.is_owner(caller_id) or self.is_operator

    def partitions(
        self, caller_id: str | None, first: datetime, last: datetime
    ) -> Iterator[Partition]:
        """Newest first. Raises `Forbidden` for another caller's."""
        if caller_id is not None and not self.may_see(caller_id):
            raise Forbidden("Only an operator sees the requests of others.")
        if caller_id is None and not self.is_operator:
            caller_id = self.caller_id
        if caller_id is not None:
            yield BY_CALLER, caller_id
            return
        for back in range((last.date() - first.date()).days + 1):
            yield BY_DAY, str(last.date() - timedelta(days=back))
