"""Callers as operators see them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from functions.shared.caller import BudgetMode
from functions.shared.callers.money import Money
from functions.shared.callers.records import CallerRecord, KeyRecord
from functions.shared.money.budget_states import (
    LimitState,
    TokensState,
    limit_states,
    tokens_state,
)
from functions.shared.money.caller_spend import CallerSpend
from functions.shared.times import stamp, utc
from functions.shared.vocabulary import Count, Frozen, Listing, Task, Usd, in_usd

_AT = "_at_s"


class HeldLimit(Frozen):
    """A limit that holds, and whether it is the caller's own or its plan's."""

    value: BudgetMode | float | int
    origin: Literal["own", "plan"]


class ShownCaller(Frozen):
    """`models` and `tasks` are those that it may ask for, all where there are none. `limits` by their names in
    a budget; those that nobody set are not there. `subject` is what its issuer's tokens call it."""

    caller_id: str
    name: str
    plan: str
    created_at: str
    expires_at: str | None
    disabled: bool
    models: list[str]
    tasks: list[Task]
    cache_ttl_seconds: Count
    subject: str | None
    limits: dict[str, HeldLimit]

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


class ShownKey(Frozen):
    """`hint` are the last characters of a key, all that is known of it."""

    hint: str
    created_at: str
    expires_at: str | None


class CallerWithKeys(ShownCaller):
    keys: list[ShownKey]


class ChangedCaller(CallerWithKeys):
    """`holds` says from when on the change does."""

    holds: str


class CallerWithNewKey(CallerWithKeys):
    """`key` is shown this once, and null for a caller that signs in with its issuer's tokens."""

    key: str | None


class CallerList(Listing):
    """By name, and all of them."""

    data: list[ShownCaller]


class RecordedSpend(Frozen):
    requests: Count
    cost_usd: Usd
    possibly_billed_usd: Usd
    simulated_cost_usd: Usd


class RecordedSpends(Frozen):
    """Of this day and this month of the calendar, UTC, with limits or without."""

    day: RecordedSpend
    month: RecordedSpend


class Spend(Frozen):
    """Each limit with what is settled and held of it, and what was recorded."""

    caller_id: str
    name: str
    budgets: list[LimitState]
    tokens_per_minute: TokensState | None
    recorded: RecordedSpends


def listed(callers: Iterable[CallerRecord], money: Money) -> CallerList:
    by_name = sorted(callers, key=lambda one: one.name)
    return CallerList(data=[ShownCaller.model_validate(_caller(one, money)) for one in by_name])


def shown(caller: CallerRecord, keys: Iterable[KeyRecord], money: Money) -> CallerWithKeys:
    by_age = sorted(keys, key=lambda one: one.created_at_s)
    fields = {**_caller(caller, money), "keys": [_key(key) for key in by_age]}
    return CallerWithKeys.model_validate(fields)


def spend(caller: CallerRecord, money: Money, now: datetime) -> Spend:
    limits, budget, spent = (
        money.limits_of(caller),
        money.budget_of(caller),
        money.spent(caller, now),
    )
    return Spend(
        caller_id=caller.caller_id,
        name=caller.name,
        budgets=limit_states(limits, budget, now),
        tokens_per_minute=tokens_state(limits, budget, now),
        recorded=RecordedSpends(day=_spent(spent.day), month=_spent(spent.month)),
    )


def _caller(caller: CallerRecord, money: Money) -> dict[str, Any]:
    fields = caller.model_dump(mode="json", exclude={"limits"})
    told = {_name(name): _time(name, value) for name, value in fields.items()}
    return {**told, "limits": _limits(caller, money)}


def _key(key: KeyRecord) -> dict[str, Any]:
    fields = key.model_dump(mode="json", exclude={"key_hash", "caller_id"})
    return {_name(name): _time(name, value) for name, value in fields.items()}


def _name(name: str) -> str:
    return f"{name.removesuffix(_AT)}_at" if name.endswith(_AT) else name


def _time(name: str, value: Any) -> Any:
    return stamp(utc(value * 1000)) if name.endswith(_AT) and value is not None else value


def _limits(caller: CallerRecord, money: Money) -> dict[str, Any]:
    """Those that hold, each with whose it is."""
    limits = money.limits_of(caller)
    return {
        stem: {
            "value": value,
            "origin": "plan" if getattr(caller.limits, name) is None else "own",
        }
        for name, told in limits
        if told is not None
        for stem, value in in_usd({name: told}).items()
    }


def _spent(spent: CallerSpend) -> RecordedSpend:
    return RecordedSpend.model_validate(in_usd(asdict(spent)))
