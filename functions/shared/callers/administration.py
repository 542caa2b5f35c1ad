"""Callers as operators manage them: over HTTP, by the command, and when a stack comes up."""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

from functions.shared.callers.forms import BudgetChange, CallerChange, NewCaller, Rotation
from functions.shared.callers.money import Money
from functions.shared.callers.records import (
    KEY,
    NAME,
    CallerRecord,
    KeyRecord,
    OwnLimits,
    key_hash,
    subject_hash,
)
from functions.shared.callers.table import CallerTable
from functions.shared.callers.usage_plans import REMEMBERED_S, UsagePlans
from functions.shared.catalogue.models import load_catalogue
from functions.shared.errors import InvalidRequest, NotFound, ServiceUnavailable, problem_at
from functions.shared.gateway.field_names import nearest

KEY_PREFIX = "lo_"
_KEY_BYTES = 32
_HINT_CHARACTERS = 4
_ID_CHARACTERS = 10
_MOST_TRIES = 3
_MOST_VALID_KEYS = 50
_MOST_FORGOTTEN_KEYS = 49
"""At once with the new key and the end of all valid ones: a transaction writes 100 items."""


@dataclass(frozen=True)
class Administration:
    """`now` has the offset of UTC; `issuer` is whose tokens the stage takes. Callers are named or told by their
    ids. Besides the errors of the engine that a method names, each raises `NotFound` for a caller that
    there is not, and `ClientError` and `BotoCoreError` where AWS refuses or does not answer."""

    callers: CallerTable
    usage_plans: UsagePlans
    now: datetime
    issuer: str | None = None

    def create(self, new: NewCaller, value: str | None = None) -> tuple[CallerRecord, str | None]:
        """With the value of its key, a new one where none is given: nobody can ask for it again. One that
        signs in by its `subject` has none.

        The gateway's key is made first: it opens nothing, and a caller without it would be refused. All
        that is written of the caller is written at once; where it is refused, the gateway's key goes
        again. It stays where no answer tells whether the caller is there. Raises `InvalidRequest`.
        """
        self._check(new)
        caller = self._record_of(new)
        value = None if new.subject is not None else value or new_key()
        signs_in_by = self._key(caller, value)
        usage_key_id = self.usage_plans.enter(caller.caller_id, caller.plan)
        try:
            if there := self.callers.enter(caller, signs_in_by):
                raise _taken(there, new)
        except (ClientError, InvalidRequest):
            if self.callers.caller(caller.caller_id) is None:
                self.usage_plans.leave(usage_key_id)
            raise
        return caller, value

    def find(self, caller: str) -> CallerRecord:
        """By its name or its id."""
        found = self.callers.caller(self.callers.id_of(caller) or caller)
        if found is None:
            raise NotFound("There is no caller of this name or id.")
        return found

    def rotate(self, caller: str, rotation: Rotation) -> tuple[CallerRecord, str]:
        """With the value of its new key. Those so far end after the overlap, and those that have ended are
        forgotten. Raises `ServiceUnavailable` where another rotation was faster, and `InvalidRequest` where
        too many keys would stay valid."""
        found, value, now_s = self.find(caller), new_key(), self._now_s
        keys = self.keys(found)
        ends_s = now_s + rotation.overlap_seconds
        ended = [key for key in keys if key.expires_at_s is not None and key.expires_at_s <= now_s]
        if rotation.overlap_seconds and len(keys) - len(ended) >= _MOST_VALID_KEYS:
            problem = f"{_MOST_VALID_KEYS} keys are valid still; 0 ends them all"
            raise InvalidRequest.at("overlap_seconds", problem)
        ending = [
            key.model_copy(update={"expires_at_s": ends_s})
            for key in keys
            if key.expires_at_s is None or key.expires_at_s > ends_s
        ]
        if not self.callers.rotate(self._key(found, value), ending, ended[:_MOST_FORGOTTEN_KEYS]):
            raise _changed_meanwhile()
        if rotation.overlap_seconds < REMEMBERED_S:
            self.usage_plans.forget_authorized()
        return found, value

    def switch(self, caller: str, *, disabled: bool, now: bool) -> bool:
        """Whether it holds at once, and not only within `REMEMBERED_S`."""
        self._replace(caller, lambda found: found.model_copy(update={"disabled": disabled}))
        return now and self.usage_plans.forget_authorized()

    def change(self, caller: str, change: CallerChange) -> bool:
        """Whether it holds at once, and not only within `REMEMBERED_S`. Raises `InvalidRequest`."""
        _check_models(change.models)
        said = change.said
        if "expires_at" in said:
            said["expires_at_s"] = _seconds(said.pop("expires_at"))
        self._replace(caller, lambda found: found.model_copy(update=said))
        return self.usage_plans.forget_authorized()

    def set_budget(self, caller: str, change: BudgetChange, money: Money) -> bool:
        """Whether it holds at once, and not only within `REMEMBERED_S`. What was spent is taken over before
        the limit is there, as no call can be held until then."""

        def edited(found: CallerRecord) -> CallerRecord:
            after = found.model_copy(update={"limits": change.over(found.limits)})
            money.take_over(after, self.now)
            return after

        self._replace(caller, edited)
        return self.usage_plans.forget_authorized()

    def keys(self, caller: CallerRecord) -> list[KeyRecord]:
        """Without what the issuer's tokens call it, which is kept as a key is."""
        own = caller.subject and self._subject_hash(caller.subject)
        return [one for one in self.callers.keys_of(caller.caller_id) if one.key_hash != own]

    @property
    def _now_s(self) -> int:
        return int(self.now.timestamp())

    def _check(self, new: NewCaller) -> None:
        _check_models(new.models)
        if new.expires_at is not None and new.expires_at <= self.now:
            raise InvalidRequest.at("expires_at", "is over already")
        if new.subject is not None and self.issuer is None:
            raise InvalidRequest.at("subject", "this stage takes no tokens")

    def _record_of(self, new: NewCaller) -> CallerRecord:
        return CallerRecord(
            caller_id=new_id(),
            name=new.name,
            plan=new.plan,
            created_at_s=self._now_s,
            expires_at_s=_seconds(new.expires_at),
            models=new.models,
            tasks=new.tasks,
            cache_ttl_seconds=new.cache_ttl_seconds,
            limits=new.budget.over(OwnLimits()) if new.budget else OwnLimits(),
            subject=new.subject,
        )

    def _key(self, caller: CallerRecord, value: str | None) -> KeyRecord:
        """Without a value, of its subject."""
        subject = caller.subject or ""
        return KeyRecord(
            key_hash=self._subject_hash(subject) if value is None else key_hash(value),
            caller_id=caller.caller_id,
            hint=(subject if value is None else value)[-_HINT_CHARACTERS:],
            created_at_s=self._now_s,
        )

    def _subject_hash(self, subject: str) -> str:
        return subject_hash(self.issuer or "", subject)

    def _replace(self, caller: str, edit: Callable[[CallerRecord], CallerRecord]) -> None:
        for _ in range(_MOST_TRIES):
            before = self.find(caller)
            if self.callers.replace(before, edit(before)):
                return
        raise _changed_meanwhile()


def new_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)


def new_id() -> str:
    return b32encode(secrets.token_bytes(_ID_CHARACTERS)).decode()[:_ID_CHARACTERS].lower()


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def _check_models(models: list[str]) -> None:
    known = [model.id for model in load_catalogue().models]
    problems = [
        problem_at(f"models.{place}", "no such model" + _hint(nearest(model, known)))
        for place, model in enumerate(models)
        if model not in known
    ]
    if problems:
        raise InvalidRequest.of(problems)


def _hint(meant: str | None) -> str:
    return f'; did you mean "{meant}"?' if meant else ""


def _taken(kind: str, new: NewCaller) -> InvalidRequest:
    if kind == NAME:
        return InvalidRequest.at("name", "is another caller's")
    if kind == KEY:
        return InvalidRequest.at("subject" if new.subject else "key", "is another caller's")
    return InvalidRequest("The id that was drawn is another caller's: ask again.")


def _changed_meanwhile() -> ServiceUnavailable:
    return ServiceUnavailable("Others change this caller at once.", retry_after_seconds=1)
