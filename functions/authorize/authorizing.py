"""Whose a credential is."""

from __future__ import annotations

import time
from dataclasses import dataclass

from functions.authorize.credentials import Credential
from functions.authorize.tokens import TokenCaller, is_token, token_caller
from functions.shared.caller import Caller
from functions.shared.callers.records import CallerRecord, KeyRecord, caller_of, key_hash
from functions.shared.callers.table import CallerTable
from functions.shared.callers.usage_keys import plan_usage_key, usage_key
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
    """None where nobody has such a credential. Raises `Refused` and `TokenRefused`, `ClientError` and
    `BotoCoreError` where the table does not answer, and `ServiceUnavailable` where the tokens' issuer does not.
    """
    if settings.JWT is not None and is_token(credential.value):
        return _by_token(token_caller(credential.value, settings.JWT), settings, callers)
    key = callers.key(key_hash(credential.value)) if credential.value else None
    return None if key is None else _by_key(key, settings, callers)


def _by_token(
    told: TokenCaller, settings: AuthorizeSettings, callers: CallerTable
) -> Authorized | None:
    """A subject that has been entered as a caller is that caller, with all its limits."""
    key = callers.key(told.record_hash)
    if key is not None:
        return _by_key(key, settings, callers, told.expires_at_s)
    caller = told.caller(settings.PLAN_LIMITS, settings.STAGE_LIMITS)
    shared = plan_usage_key(settings.POWERTOOLS_SERVICE_NAME, told.plan)
    return Authorized(told.caller_id, caller, shared)


def _by_key(
    key: KeyRecord,
    settings: AuthorizeSettings,
    callers: CallerTable,
    token_expires_at_s: int | None = None,
) -> Authorized | None:
    now_s = time.time()
    if key.expires_at_s is not None and key.expires_at_s <= now_s:
        raise Refused("This key was replaced or has expired.")
    record = callers.caller(key.caller_id)
    if record is None:
        return None
    _check_open(record, now_s)
    ends = [one for one in (key.expires_at_s, token_expires_at_s) if one is not None]
    caller = caller_of(record, settings.PLAN_LIMITS, settings.STAGE_LIMITS, min(ends, default=None))
    own = usage_key(settings.POWERTOOLS_SERVICE_NAME, record.caller_id)
    return Authorized(record.caller_id, caller, own)


def _check_open(record: CallerRecord, now_s: float) -> None:
    if record.disabled:
        raise Refused("This caller is disabled.")
    if record.expires_at_s is not None and record.expires_at_s <= now_s:
        raise Refused("This caller's time has expired.")
