"""Who asks, and what that may see: its own, an operator everything, nobody else anything."""

from __future__ import annotations

import time
from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from botocore.exceptions import BotoCoreError, ClientError

from functions.shared.errors import Forbidden
from functions.shared.storage.clients import client
from functions.shared.storage.request_log import BY_CALLER, BY_DAY
from functions.shared.telemetry.observability import logger

_KNOWN_FOR_S = 60

Partition = tuple[str, str]
"""An index of the request log, and the day or the caller that is read of it."""


@dataclass(frozen=True)
class OperatorPlan:
    """The callers in the usage plan of this name, as API Gateway had it at most a minute ago; none
    while it does not answer."""

    name: str

    def __contains__(self, caller_id: object) -> bool:
        try:
            return _is_in_plan(str(caller_id), self.name, int(time.time() // _KNOWN_FOR_S))
        except (BotoCoreError, ClientError) as failure:
            logger.warning("usage plans unavailable", error_type=type(failure).__name__)
            return False


@lru_cache(maxsize=256)
def _is_in_plan(caller_id: str, plan_name: str, _minute: int) -> bool:
    pages = client("apigateway").get_paginator("get_usage_plans").paginate(keyId=caller_id)
    return any(plan.get("name") == plan_name for page in pages for plan in page["items"])


@dataclass(frozen=True)
class Reader:
    """Owner of what its key made, operator of all there is, or nobody.

    The operators are looked up only where it is somebody else's: who polls its own jobs costs no
    call of API Gateway, which takes ten a second for the whole account.
    """

    caller_id: str
    operators: Container[str]

    @property
    def is_operator(self) -> bool:
        return self.caller_id in self.operators

    def is_owner(self, caller_id: str) -> bool:
        return caller_id == self.caller_id

    def may_see(self, caller_id: str) -> bool:
        """What that caller made."""
        return self.is_owner(caller_id) or self.is_operator

    def partitions(
        self, caller_id: str | None, first: datetime, last: datetime
    ) -> Iterator[Partition]:
        """Newest first. Raises `Forbidden` for another's key."""
        if caller_id is not None and not self.may_see(caller_id):
            raise Forbidden("Only a key of the operators' plan sees the requests of others.")
        if caller_id is None and not self.is_operator:
            caller_id = self.caller_id
        if caller_id is not None:
            yield BY_CALLER, caller_id
            return
        for back in range((last.date() - first.date()).days + 1):
            yield BY_DAY, str(last.date() - timedelta(days=back))
