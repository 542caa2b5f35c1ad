"""What callers may spend, and have spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from functions.shared.caller import Limits
from functions.shared.callers.records import CallerRecord, limits_of
from functions.shared.money.budget import Budget, budget_id, period_names
from functions.shared.money.budget_table import BudgetTable
from functions.shared.money.caller_spend import CallerSpend
from functions.shared.money.spent import Spent, spent_so_far
from functions.shared.storage.state_table import StateTable


@dataclass(frozen=True)
class Money:
    """What a stage knows of its callers' money. `counts_simulated`: where only simulators answer, what they
    would have cost is what budgets are tried with."""

    budgets: BudgetTable
    state: StateTable
    plans: Mapping[str, Limits]
    counts_simulated: bool = False

    def limits_of(self, caller: CallerRecord) -> Limits:
        return limits_of(caller, self.plans)

    def plan_limits(self, caller: CallerRecord) -> Limits:
        return self.plans.get(caller.plan, Limits())

    def budget_of(self, caller: CallerRecord) -> Budget:
        return self.budgets.read(budget_id(caller.caller_id))

    def spent(self, caller: CallerRecord, now: datetime) -> Spent:
        return spent_so_far(self.state, caller.caller_id, now)

    def take_over(self, caller: CallerRecord, now: datetime) -> None:
        """What was spent before the caller had a limit counts for one: of this day and this month. A total
        begins when it is given."""
        if self.limits_of(caller).is_none:
            return
        spent, names = self.spent(caller, now), period_names(f"{now:%Y-%m-%d}")
        for name, amounts in ((names["day"], spent.day), (names["month"], spent.month)):
            if charged := self._charged(amounts):
                self.budgets.take_over(budget_id(caller.caller_id), name, charged)

    def _charged(self, spent: CallerSpend) -> int:
        """As a budget would have been."""
        simulated = spent.simulated_cost_nano_usd if self.counts_simulated else 0
        return spent.cost_nano_usd + spent.possibly_billed_nano_usd + simulated
