"""Budgets as those see them who may: what each limit is, what is spent of it, held and left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from functions.shared.caller import BudgetMode, Caller, Limits, Period
from functions.shared.money.budget import (
    STAGE_ID,
    Budget,
    Left,
    budget_id,
    period_names,
)
from functions.shared.money.budget_table import BudgetTable
from functions.shared.times import stamp
from functions.shared.vocabulary import Count, Frozen, Share, Usd, usd


class LimitState(Frozen):
    """Of one limit on money: `used` is the share of it that is spent or held by calls under way. It
    renews at a moment in UTC, a total never."""

    period: Period
    limit_usd: Usd
    spent_usd: Usd
    held_usd: Usd
    left_usd: Usd
    used: Annotated[float, Field(ge=0)]
    renews_at: str | None


class TokensState(Frozen):
    """Of a limit on the tokens of each minute."""

    limit: Count
    left: Count


class BudgetState(Frozen):
    """Of a caller, whose `name` it has, or of the whole stage."""

    of: Literal["caller", "stage"]
    name: str
    mode: BudgetMode
    tier_down_at: Share
    limits: list[LimitState]
    tokens_per_minute: TokensState | None


def budget_states(
    callers: Mapping[str, Caller], stage: Limits | None, table: BudgetTable, now: datetime
) -> list[BudgetState]:
    """Of those that have limits, by name; the stage's last. Raises `ClientError` and `BotoCoreError`."""
    limited = {
        budget_id(id_): (one.name or id_, one.limits) for id_, one in callers.items() if one.limits
    }
    by_name = dict(sorted(limited.items(), key=lambda one: one[1][0]))
    if stage is not None:
        by_name[STAGE_ID] = (STAGE_ID, stage)
    budgets = table.read_all(by_name)
    return [_state(id_, *named, budgets[id_], now) for id_, named in by_name.items()]


def _state(id_: str, name: str, limits: Limits, budget: Budget, now: datetime) -> BudgetState:
    return BudgetState(
        of="stage" if id_ == STAGE_ID else "caller",
        name=name,
        mode=limits.mode,
        tier_down_at=limits.tier_down_at,
        limits=limit_states(limits, budget, now),
        tokens_per_minute=tokens_state(limits, budget, now),
    )


def limit_states(limits: Limits, budget: Budget, now: datetime) -> list[LimitState]:
    return [_limit(one, budget, now) for one in budget.left(limits, now)]


def tokens_state(limits: Limits, budget: Budget, now: datetime) -> TokensState | None:
    limit, left = limits.tokens_per_minute, budget.tokens_left(limits, now)
    return None if limit is None or left is None else TokensState(limit=limit, left=left)


def _limit(left: Left, budget: Budget, now: datetime) -> LimitState:
    settled = budget.settled(period_names(f"{now:%Y-%m-%d}")[left.period])
    return LimitState(
        period=left.period,
        limit_usd=usd(left.limit_nano_usd),
        spent_usd=usd(settled),
        held_usd=usd(left.spent_nano_usd - settled),
        left_usd=usd(left.nano_usd),
        used=round(left.used, 4),
        renews_at=left.renews_at and stamp(left.renews_at),
    )
