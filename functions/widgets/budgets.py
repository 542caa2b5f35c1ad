"""What callers may spend, and what is left of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from functions.shared.callers.directory import all_callers
from functions.shared.money.budget_states import BudgetState, LimitState, budget_states
from functions.shared.money.budget_table import BudgetTable
from functions.shared.settings import WidgetSettings
from functions.shared.storage.tables import table as table_of
from functions.shared.telemetry.observability import logger
from functions.widgets.markup import paragraph, table

_HEADINGS = ("Caller", "Limit, USD", "Used", "Left", "Spent", "Held", "Renews, UTC")


def budgets(settings: WidgetSettings, now: datetime) -> str:
    """Each limit on money of the callers that have any, and the stage's; what is used up comes first."""
    try:
        states = budget_states(
            all_callers(settings),
            settings.STAGE_LIMITS,
            BudgetTable(table_of(settings.BUDGETS_TABLE)),
            now,
        )
    except (BotoCoreError, ClientError) as failure:
        logger.warning("budgets not read", error_type=type(failure).__name__)
        return paragraph("The budgets cannot be read just now.")
    rows = [(limit, _row(state, limit)) for state in states for limit in state.limits]
    if not rows:
        return paragraph("Nobody has a limit on what may be spent.")
    rows.sort(key=lambda one: -one[0].used)
    return table(_HEADINGS, (row for _, row in rows))


def _row(state: BudgetState, limit: LimitState) -> Iterator[object]:
    yield state.name if state.of == "caller" else "all callers together"
    yield f"{limit.limit_usd.normalize():f} {_PERIODS[limit.period]}"
    yield "used up" if limit.spent_usd >= limit.limit_usd else f"{limit.used:.1%}"
    yield from (f"{amount:.6f}" for amount in (limit.left_usd, limit.spent_usd, limit.held_usd))
    yield limit.renews_at[:10] if limit.renews_at else "never"


_PERIODS = {"day": "a day", "month": "a month", "total": "in all"}
