"""What is kept of a caller and of its keys, and what follows from it for a request."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from functions.shared.caller import MOST_ALLOWED, BudgetMode, CacheTtl, Caller, Limits, Name
from functions.shared.vocabulary import Count, Frozen, NanoUsd, Share, Task

CALLER, KEY, NAME = "caller", "key", "name"
"""Kinds of items: a caller by its id, a key by its hash, and whose a name is."""


class OwnLimits(Frozen):
    """Of one caller; what is None is as its plan has it."""

    day_nano_usd: NanoUsd | None = None
    month_nano_usd: NanoUsd | None = None
    total_nano_usd: NanoUsd | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    mode: BudgetMode | None = None
    tier_down_at: Share | None = None

    def over(self, plan: Limits) -> Limits:
        own = {name: value for name, value in self if value is not None}
        return plan.model_copy(update=own)


class CallerRecord(Frozen):
    """`caller_id` has ten characters, so that it and an Idempotency-Key fit into an execution's name.
    Times in epoch seconds. `subject` is what a token of the stage's issuer calls this caller."""

    caller_id: str
    name: Name
    plan: Literal["standard", "operator"] = "standard"
    created_at_s: Count
    expires_at_s: Count | None = None
    disabled: bool = False
    models: Annotated[list[str], Field(max_length=MOST_ALLOWED)] = Field(default_factory=list)
    tasks: list[Task] = Field(default_factory=list)
    cache_ttl_seconds: CacheTtl = 0
    limits: OwnLimits = Field(default_factory=OwnLimits)
    subject: str | None = None


class KeyRecord(Frozen):
    """`key_hash` is all that is kept of a key, and `hint` its last characters, for people. After
    `expires_at_s`, epoch seconds, it is refused: a newer one has taken its place."""

    key_hash: str
    caller_id: str
    hint: str
    created_at_s: Count
    expires_at_s: Count | None = None


def key_hash(value: str) -> str:
    """A key has 256 random bits, so that nothing slower than this hash is needed."""
    return hashlib.sha256(value.encode()).hexdigest()


def subject_hash(issuer: str, subject: str) -> str:
    """Of what an issuer's tokens call a caller, where a key has its own hash. It is the hash of no key: whoever
    sent the subject as one would else be its caller."""
    return f"subject-{_subject_digest(issuer, subject).hex()}"


def subject_caller_id(issuer: str, subject: str) -> str:
    """Of a subject that nobody has entered as a caller."""
    return base64.b32encode(_subject_digest(issuer, subject)).decode("ascii").lower()[:10]


def _subject_digest(issuer: str, subject: str) -> bytes:
    return hashlib.sha256(f"{issuer}\0{subject}".encode()).digest()


def limits_of(record: CallerRecord, plans: Mapping[str, Limits]) -> Limits:
    """Its own over its plan's."""
    return record.limits.over(plans.get(record.plan, Limits()))


def caller_of(
    record: CallerRecord,
    plans: Mapping[str, Limits],
    stage: Limits | None,
    key_expires_at_s: int | None = None,
) -> Caller:
    """As its executions know it: with limits only where there are some."""
    limits = limits_of(record, plans)
    ends = [one for one in (record.expires_at_s, key_expires_at_s) if one is not None]
    return Caller(
        name=record.name,
        plan=record.plan,
        models=record.models,
        tasks=record.tasks,
        expires_at_s=min(ends, default=None),
        cache_ttl_seconds=record.cache_ttl_seconds,
        limits=None if limits.is_none else limits,
        stage_limits=stage,
    )


def item_of(kind: str, item_id: str, record: Frozen) -> dict[str, Any]:
    """DynamoDB knows no float: numbers with a fraction are texts."""
    fields = record.model_dump(mode="json", exclude_none=True)
    return {"kind": kind, "item_id": item_id, **_without_floats(fields)}


def _without_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_floats(one) for name, one in value.items()}
    return str(value) if isinstance(value, float) else value
