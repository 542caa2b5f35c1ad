"""What is left of the caller's budgets, and of its stage's, when a request is decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from functions.shared.caller import Limits
from functions.shared.contracts.decision import BudgetsLeft, MoneyLeft, Profile, TokensLeft
from functions.shared.money.budget import STAGE_ID, Budget, limits_by_id
from functions.shared.money.budget_table import BudgetTable
from functions.shared.settings import ScoreSettings
from functions.shared.storage.tables import table
from functions.shared.telemetry.observability import logger
from functions.shared.times import stamp, utc

_MINUTE_S = 60


def budgets_left(profile: Profile, settings: ScoreSettings) -> BudgetsLeft | None:
    """None where nothing limits the caller. What cannot be read limits nothing here: the hold before each
    call is strict."""
    if not profile.caller.is_limited:
        return None
    limits = limits_by_id(profile.caller_id, profile.caller)
    read = dict(_read(BudgetTable(table(settings.BUDGETS_TABLE)), limits))
    return left_of(read, limits, utc(profile.started_at_ms), datetime.now(UTC)) if read else None


def _read(budgets: BudgetTable, limits: Mapping[str, Limits]) -> Iterator[tuple[str, Budget]]:
    for id_ in limits:
        try:
            yield id_, budgets.read(id_)
        except (BotoCoreError, ClientError) as error:
            logger.warning("budget unavailable", error_type=type(error).__name__)


def left_of(
    read: Mapping[str, Budget], limits: Mapping[str, Limits], began: datetime, now: datetime
) -> BudgetsLeft:
    """Money counts in the periods in which the request began, tokens in the minute that is now."""
    money = [
        MoneyLeft(
            owner="stage" if id_ == STAGE_ID else "caller",
            period=left.period,
            limit_nano_usd=left.limit_nano_usd,
            left_nano_usd=left.nano_usd,
            tier_down_at=limits[id_].tier_down_at,
            renews_at=stamp(left.renews_at) if left.renews_at else None,
        )
        for id_, budget in read.items()
        for left in budget.left(limits[id_], began)
    ]
    tokens = [
        TokensLeft(limit=limit, left=left, renews_in_s=_MINUTE_S - now.second)
        for id_, budget in read.items()
        if (limit := limits[id_].tokens_per_minute) is not None
        and (left := budget.tokens_left(limits[id_], now)) is not None
    ]
    return BudgetsLeft(money=money, tokens=min(tokens, key=lambda one: one.left, default=None))
