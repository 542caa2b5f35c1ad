"""The limits that a request was refused for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from functions.record_metrics.finished_request import FinishedRequest
from functions.shared.errors import BudgetExceeded
from functions.shared.money.budget import limited_periods, limits_by_id, period_names
from functions.shared.money.charging import limit_name


@dataclass(frozen=True)
class RefusedLimit:
    """`name` is the attribute of its period in the budget."""

    budget_id: str
    name: str
    limit_nano_usd: int


def refused_limits(finished: FinishedRequest) -> Iterator[RefusedLimit]:
    """As the error's details name them."""
    profile = finished.event.profile
    if profile is None or not isinstance(finished.error, BudgetExceeded):
        return
    told = {str(detail.get("limit")) for detail in finished.error.details}
    names = period_names(f"{finished.created_at:%Y-%m-%d}")
    for id_, limits in limits_by_id(profile.caller_id, profile.caller).items():
        for period, limit in limited_periods(limits).items():
            if limit_name(id_, period) in told:
                yield RefusedLimit(id_, names[period], limit)
