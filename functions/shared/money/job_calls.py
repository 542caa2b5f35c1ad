"""What each call took of a job, which may be stopped before it is told, and of a caller with a budget: its
ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.shared.contracts.decision import Profile
from functions.shared.contracts.states import Attempt, json_of
from functions.shared.storage.state_table import Change, StateTable
from functions.shared.telemetry.observability import logger

_KEPT = timedelta(days=2)
"""A job ends within minutes, and what has to be said of it may have to be said again."""
KEPT_OF_LIMITED = timedelta(days=40)
"""Until a month is over and its books are closed."""
ITEMS = "calls#"
"""What the ids of all such items begin with: a provider's function may read and write no others."""


def calls_id(request_id: str) -> str:
    return f"{ITEMS}{request_id}"


def call_change(
    request_id: str, number: int, attempt: Attempt, now: datetime, kept_for: timedelta = _KEPT
) -> Change:
    """Keeps the call of this number, counted from 1."""
    expires_at = int((now + kept_for).timestamp())
    kept: dict[str, int | str] = {_name(number): json.dumps(json_of(attempt))}
    return Change(calls_id(request_id), expires_at, {}, kept)


def keep_call(profile: Profile, number: int, attempt: Attempt, state_table: str) -> None:
    """A table that does not take it costs nobody the answer: the log says so."""
    kept_for = KEPT_OF_LIMITED if profile.caller.is_limited else _KEPT
    change = call_change(profile.request_id, number, attempt, datetime.now(UTC), kept_for)
    try:
        StateTable(state_table).add(change)
    except (BotoCoreError, ClientError) as failure:
        logger.warning("call not kept", error_type=type(failure).__name__)


def kept_call(item: Mapping[str, Any], number: int) -> Attempt | None:
    text = item.get(_name(number))
    return None if text is None else Attempt.model_validate_json(text)


def _name(number: int) -> str:
    return f"call_{number}"
