"""What a caller's budget, or the stage's, says: what is committed of it, what is left, what is held open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.shared.caller import Caller, Limits, Period

STAGE_ID = "stage"
"""The budget of all callers together."""

HOLD, ASSUMED, TOKENS = "hold#", "assumed#", "tokens#"
"""What the attributes begin with of a call that is held, of one whose bill was never told, and of a
minute's tokens."""
ALERTED, REFUSED = "alerted#", "refused#"
"""With the name of a period behind them: what was told of its limit, and the limit that a request was
refused for."""
OPENING = "opening#"
"""And of what was spent of a period before there was a limit, which is committed in it as well."""


def budget_id(caller_id: str) -> str:
    return f"caller#{caller_id}"


def limits_by_id(caller_id: str, caller: Caller) -> dict[str, Limits]:
    """The budgets that a call of the caller is held against, its own first."""
    told = {budget_id(caller_id): caller.limits, STAGE_ID: caller.stage_limits}
    return {id_: limits for id_, limits in told.items() if limits is not None}


def period_names(day: str) -> dict[Period, str]:
    """The attributes of the periods that a day, `2026-11-27`, is in."""
    return {"day": f"day#{day}", "month": f"month#{day[:7]}", "total": "total"}


def limited_periods(limits: Limits) -> dict[Period, int]:
    """Nano-dollars by period, of those that have a limit."""
    told: dict[Period, int | None] = {
        "day": limits.day_nano_usd,
        "month": limits.month_nano_usd,
        "total": limits.total_nano_usd,
    }
    return {period: limit for period, limit in told.items() if limit is not None}


def minute_of(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M}"


def call_key(request_id: str, attempt: int) -> str:
    """What a call's hold goes by; attempts are counted from 1."""
    return f"{request_id}#{attempt}"


@dataclass(frozen=True)
class Hold:
    """An upper bound of one call, held open while it runs: `nano_usd` of the day that its request began on,
    `tokens` of the minute in which it was held. After `expires_at_s`, epoch seconds, the call has ended,
    whatever became of it. `writer` is whoever holds it. `assumed_nano_usd` is charged where its bill is
    never told, the same in each of its budgets; None is all of it. `next_id` is the budget that holds it
    after this one: without that hold nobody was called.

    Each write of a budget is billed by all of its open holds: they say no more than is needed."""

    request_id: str
    attempt: int
    nano_usd: int
    tokens: int
    day: str
    minute: str
    expires_at_s: int
    writer: str
    assumed_nano_usd: int | None = None
    next_id: str = ""

    @property
    def assumed(self) -> int:
        return self.nano_usd if self.assumed_nano_usd is None else self.assumed_nano_usd

    @property
    def key(self) -> str:
        return call_key(self.request_id, self.attempt)

    def to_text(self) -> str:
        told = (self.nano_usd, self.tokens, self.day, self.minute, self.expires_at_s, self.writer)
        return " ".join(
            map(str, (*told, "" if self.assumed_nano_usd is None else self.assumed, self.next_id))
        )

    def under(self, limits: Limits) -> Hold:
        """As a budget holds it: tokens count where they are limited."""
        return self if limits.tokens_per_minute is not None else replace(self, tokens=0, minute="")

    @classmethod
    def parse(cls, key: str, text: str) -> Hold:
        request_id, _, attempt = key.rpartition("#")
        nano_usd, tokens, day, minute, expires_at_s, writer, assumed, next_id = text.split(" ")
        return cls(
            request_id,
            int(attempt),
            int(nano_usd),
            int(tokens),
            day,
            minute,
            int(expires_at_s),
            writer,
            int(assumed) if assumed else None,
            next_id,
        )


@dataclass(frozen=True)
class Left:
    """Of one limit: `spent_nano_usd` is settled or held. `renews_at` is None for one that never does."""

    period: Period
    limit_nano_usd: int
    spent_nano_usd: int
    renews_at: datetime | None

    @property
    def nano_usd(self) -> int:
        return max(0, self.limit_nano_usd - self.spent_nano_usd)

    @property
    def used(self) -> float:
        """The share of the limit, 1 for a limit of nothing."""
        return self.spent_nano_usd / self.limit_nano_usd if self.limit_nano_usd else 1.0


@dataclass(frozen=True)
class Budget:
    """An item of the budgets' table; an empty one has spent nothing."""

    item: Mapping[str, Any]

    def committed(self, name: str) -> int:
        """Settled and held in a period, by the name of its attribute; or tokens of a minute."""
        return int(self.item.get(name, 0))

    def holds(self, prefix: str = HOLD) -> list[Hold]:
        return [
            Hold.parse(name.removeprefix(prefix), text)
            for name, text in self.item.items()
            if name.startswith(prefix)
        ]

    def expired(self, now_s: float) -> list[Hold]:
        return [hold for hold in self.holds() if hold.expires_at_s <= now_s]

    def hold(self, key: str) -> Hold | None:
        """The open one of a call, or what it was charged as where its bill was never told."""
        for prefix in (HOLD, ASSUMED):
            if text := self.item.get(prefix + key):
                return Hold.parse(key, text)
        return None

    def left(self, limits: Limits, at: datetime) -> list[Left]:
        """Of each limit on money, for a request that begins then."""
        names = period_names(f"{at.astimezone(UTC):%Y-%m-%d}")
        return [
            Left(period, limit, self.committed(names[period]), renews_at(period, at))
            for period, limit in limited_periods(limits).items()
        ]

    def settled(self, name: str) -> int:
        """Of a period without what is still held in it."""
        return self.committed(name) - sum(
            hold.nano_usd for hold in self.holds() if _is_in(hold, name)
        )

    def tokens_left(self, limits: Limits, now: datetime) -> int | None:
        """Of this minute; None is without a limit."""
        if limits.tokens_per_minute is None:
            return None
        return max(0, limits.tokens_per_minute - self.committed(TOKENS + minute_of(now)))


def _is_in(hold: Hold, name: str) -> bool:
    return name in period_names(hold.day).values()


def renews_at(period: Period, at: datetime) -> datetime | None:
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return midnight + timedelta(days=1)
    if period == "month":
        return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return None


def conditions_of(limits: Limits, hold: Hold) -> Iterator[tuple[str, int]]:
    """What each attribute may have at most for the hold to fit; below 0 it can never fit."""
    names = period_names(hold.day)
    for period, limit in limited_periods(limits).items():
        yield names[period], limit - hold.nano_usd
    if limits.tokens_per_minute is not None:
        yield TOKENS + hold.minute, limits.tokens_per_minute - hold.tokens
