"""Which calls a budget is charged for, and what a budget says that does not pay for one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from functions.shared.caller import Period
from functions.shared.contracts.decision import Candidate, RoutingContext
from functions.shared.errors import BudgetExceeded
from functions.shared.money.budget import STAGE_ID, Left
from functions.shared.times import stamp
from functions.shared.vocabulary import digits_of_usd, in_usd

_LOCAL = "local"


def is_charged(candidate: Candidate, routing_context: RoutingContext) -> bool:
    """Nothing for what is free."""
    is_paid = candidate.worst_case_cost_nano_usd > 0
    return is_paid and charges_calls(routing_context, mock=candidate.mock)


def charges_calls(routing_context: RoutingContext, *, mock: bool) -> bool:
    """Nothing for what is simulated; but where no provider can be called that costs anything, simulated
    costs are charged, so that budgets can be tried."""
    return not mock or {*routing_context.providers_configured} <= {_LOCAL}


def limit_name(budget_id: str, period: Period) -> str:
    whose = "stage's" if budget_id == STAGE_ID else "caller's"
    return f"{whose} {period}"


def budget_exceeded(budget_id: str, lefts: Iterable[Left], needed_nano_usd: int) -> BudgetExceeded:
    """By each limit that has less left than a call needs at the least; of the stage's no amount is told,
    as others spend it, too."""
    short = [one for one in lefts if one.nano_usd < needed_nano_usd]
    lefts_told = " and ".join(_left(budget_id, one) for one in short)
    error = BudgetExceeded(
        f"The call needs at least {digits_of_usd(needed_nano_usd)} USD, {lefts_told}.",
        details=[_detail(budget_id, one, needed_nano_usd) for one in short],
    )
    error.affordable_nano_usd = min((one.nano_usd for one in short), default=0)
    return error


def _left(budget_id: str, left: Left) -> str:
    name = limit_name(budget_id, left.period)
    if budget_id == STAGE_ID:
        return f"more than is left of the {name}"
    return f"{digits_of_usd(left.nano_usd)} are left of the {name}"


def _detail(budget_id: str, left: Left, needed_nano_usd: int) -> dict[str, Any]:
    amounts = {
        "limit_nano_usd": left.limit_nano_usd,
        "left_nano_usd": left.nano_usd,
        "needed_nano_usd": needed_nano_usd,
    }
    return {
        "limit": limit_name(budget_id, left.period),
        **(in_usd(amounts) if budget_id != STAGE_ID else {}),
        "renews_at": stamp(left.renews_at) if left.renews_at else None,
    }
