"""The caller as it sees itself: who it is, what it may ask for, and what is left for it to spend."""

from __future__ import annotations

from datetime import UTC, datetime

from functions.shared.caller import Caller
from functions.shared.money.budget_states import BudgetState, budget_states
from functions.shared.money.budget_table import BudgetTable
from functions.shared.times import stamp
from functions.shared.vocabulary import Frozen, Task


class ListedCaller(Frozen):
    """`models` and `tasks` are all that it may ask for, where they are not null. `budget` is null where it
    has no limits of its own; what all callers together may spend is no matter of one of them."""

    caller_id: str
    name: str
    plan: str
    expires_at: str | None
    models: list[str] | None
    tasks: list[Task] | None
    cache_ttl_seconds: int
    budget: BudgetState | None


def listed_caller(
    caller_id: str, caller: Caller, budgets: BudgetTable, now: datetime
) -> ListedCaller:
    """Raises `ClientError` and `BotoCoreError`."""
    own = budget_states({caller_id: caller}, None, budgets, now)
    ends_s = caller.expires_at_s
    return ListedCaller(
        caller_id=caller_id,
        name=caller.name or caller_id,
        plan=caller.plan,
        expires_at=None if ends_s is None else stamp(datetime.fromtimestamp(ends_s, UTC)),
        models=caller.models or None,
        tasks=caller.tasks or None,
        cache_ttl_seconds=caller.cache_ttl_seconds,
        budget=own[0] if own else None,
    )
