"""Whose a budget is, and what it may spend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from functions.shared.caller import Limits
from functions.shared.callers.records import limits_of
from functions.shared.callers.table import CallerTable
from functions.shared.money.budget import STAGE_ID, budget_id

_PLAN_OF_STRANGERS = "standard"


@dataclass(frozen=True)
class Owner:
    """`name` is empty for the callers of a stage together."""

    name: str
    limits: Limits


@dataclass(frozen=True)
class Owners:
    """`plans` are the limits of each plan's callers, over which a caller's own go; `stage` those of all."""

    callers: CallerTable
    plans: Mapping[str, Limits]
    stage: Limits | None

    def of(self, id_: str) -> Owner:
        """By the id of a budget. Raises `ClientError` and `BotoCoreError`."""
        if id_ == STAGE_ID:
            return Owner("", self.stage or Limits())
        caller_id = id_.removeprefix(budget_id(""))
        record = self.callers.caller(caller_id)
        if record is None:
            # A subject of the issuer's that nobody entered, or a caller that was deleted meanwhile.
            return Owner(caller_id, self.plans.get(_PLAN_OF_STRANGERS, Limits()))
        return Owner(record.name, limits_of(record, self.plans))
