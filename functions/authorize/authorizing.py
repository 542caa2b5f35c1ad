"""Whose a credential is."""

from __future__ import annotations

import time
from dataclasses import dataclass

from functions.authorize.credentials import Credential
from functions.shared.caller import Caller
from functions.shared.callers.records import CallerRecord, caller_of, key_hash
from functions.shared.callers.table import CallerTable
from functions.shared.callers.usage_keys import usage_key
from functions.shared.settings import AuthorizeSettings


@dataclass(frozen=True)
class Authorized:
    """`usage_key` is the value of the key that the gateway counts this caller's use by."""

    caller_id: str
    caller: Caller
    usage_key: str


class Refused(Exception):
    """The caller is known and may not come in; `reason` is for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def authorize(
    credential: Credential, settings: AuthorizeSettings, callers: CallerTable
) -> Authorized | None:
    """None where nobody has such a credential. Raises `Refused`, and `ClientError` and `BotoCoreError` where
    the table does not answer."""
    return _by_item(key_hash(credential.value), settings, callers) if credential.value else None


def _by_item(hashed: str, settings: AuthorizeSettings, callers: CallerTable) -> Authorized | None:
    key = callers.key(hashed)
    if key is None:
        return None
    now_s = time.time()
    if key.expires_at_s is not None and key.expires_at_s <= now_s:
        raise Refused("This key was replaced or has expired.")
    record = callers.caller(key.caller_id)
    if record is None:
        return None
    _check_open(record, now_s)
    caller = caller_of(record, settings.PLAN_LIMITS, settings.STAGE_LIMITS, key.expires_at_s)
    own = usage_key(settings.POWERTOOLS_SERVICE_NAME, record.caller_id)
    return Authorized(record.caller_id, caller, own)


def _check_open(record: CallerRecord, now_s: float) -> None:
    if record.disabled:
        raise Refused("This caller is disabled.")
    if record.expires_at_s is not None and record.expires_at_s <= now_s:
        raise Refused("This caller's time has expired.")
