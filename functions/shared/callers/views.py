"""Callers as operators see them, JSON values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from functions.shared.callers.money import Money
from functions.shared.callers.records import CallerRecord, KeyRecord
from functions.shared.money.budget_states import limit_states, tokens_state
from functions.shared.money.caller_spend import CallerSpend
from functions.shared.times import stamp, utc
from functions.shared.vocabulary import in_usd

_AT = "_at_s"


def listed(callers: Iterable[CallerRecord], money: Money) -> dict[str, Any]:
    by_name = sorted(callers, key=lambda one: one.name)
    data = [_caller(one) | _limits(one, money) for one in by_name]
    return {"data": data, "next_cursor": None}


def shown(caller: CallerRecord, keys: Iterable[KeyRecord], money: Money) -> dict[str, Any]:
    """With its keys, of which only the ends are known."""
    by_age = sorted(keys, key=lambda one: one.created_at_s)
    return {**_caller(caller), **_limits(caller, money), "keys": [_key(key) for key in by_age]}


def spend(caller: CallerRecord, money: Money, now: datetime) -> dict[str, Any]:
    """Each limit with what is spent and held of it, and what was recorded of this day and this month, with
    limits or without."""
    limits, budget, spent = (
        money.limits_of(caller),
        money.budget_of(caller),
        money.spent(caller, now),
    )
    tokens = tokens_state(limits, budget, now)
    return {
        "caller_id": caller.caller_id,
        "name": caller.name,
        "budgets": [one.model_dump(mode="json") for one in limit_states(limits, budget, now)],
        "tokens_per_minute": tokens and tokens.model_dump(mode="json"),
        "recorded": {"day": _spent(spent.day), "month": _spent(spent.month)},
    }


def _caller(caller: CallerRecord) -> dict[str, Any]:
    fields = caller.model_dump(mode="json", exclude={"limits"})
    return {_name(name): _time(name, value) for name, value in fields.items()}


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
        "limits": {
            stem: {
                "value": value,
                "origin": "plan" if getattr(caller.limits, name) is None else "own",
            }
            for name, told in limits
            if told is not None
            for stem, value in in_usd({name: told}).items()
        }
    }


def _spent(spent: CallerSpend) -> dict[str, Any]:
    told: dict[str, Any] = in_usd(asdict(spent))
    return told
