"""Tells the stage's topic when 50, 80 and 100 % of a limit are used: each once in its period.

What is told is claimed before and marked behind: whoever is killed in between leaves a claim that a later
run finds too old, and tells it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from functions.shared.caller import Period
from functions.shared.money.budget import ALERTED, REFUSED, Budget, Left, period_names
from functions.shared.money.budget_table import BudgetTable
from functions.shared.vocabulary import usd
from functions.sweep.owners import Owner

_LEVELS = (50, 80, 100)
"""Per cent of a limit; all of it also where a request was refused, as what is left did not pay for it."""
CLAIM_HOLDS_S = 120
"""Longer than any run lasts."""
_SENT = "sent"
_NAMES: dict[Period, str] = {"day": "day's", "month": "month's", "total": "total"}


@dataclass(frozen=True)
class Topic:
    """Of boto3's `client`; `stage` is what its subjects begin with."""

    client: Any
    arn: str
    stage: str

    def publish(self, subject: str, text: str) -> None:
        """Raises `ClientError` and `BotoCoreError`."""
        told = f"[{self.stage}] {subject}"
        self.client.publish(TopicArn=self.arn, Subject=told, Message=text)


@dataclass(frozen=True)
class Told:
    """Up to which level of a limit in nano-dollars, as its budget notes it; `claimed_at_s` in epoch seconds,
    None once it is sent."""

    limit_nano_usd: int
    level: int
    claimed_at_s: int | None = None

    def to_text(self) -> str:
        state = _SENT if self.claimed_at_s is None else str(self.claimed_at_s)
        return f"{self.limit_nano_usd} {self.level} {state}"

    @classmethod
    def parse(cls, text: str) -> Told:
        limit, level, state = text.split(" ")
        return cls(int(limit), int(level), None if state == _SENT else int(state))


@dataclass(frozen=True)
class Limit:
    """One limit of a budget: `used` is what of it is settled, `told` the text that says what was told of it."""

    period: Period
    name: str
    used: Left
    is_refused: bool
    told: str | None

    @property
    def levels(self) -> list[int]:
        """That are reached, in order."""
        spent, limit = self.used.spent_nano_usd, self.used.limit_nano_usd
        reached = {level for level in _LEVELS if 100 * spent >= level * limit}
        return sorted(reached | ({_LEVELS[-1]} if self.is_refused else set()))

    @property
    def before(self) -> Told:
        """Of another limit than today's nothing is told yet."""
        limit = self.used.limit_nano_usd
        told = Told.parse(self.told) if self.told else Told(limit, 0)
        return told if told.limit_nano_usd == limit else Told(limit, 0)

    @property
    def untold(self) -> int | None:
        """The level that comes next, or again where nobody knows whether it was sent; None where all are
        told."""
        before = self.before
        if before.claimed_at_s is not None:
            return before.level
        return next((level for level in self.levels if level > before.level), None)


@dataclass(frozen=True)
class Alerts:
    budgets: BudgetTable
    topic: Topic

    def tell(self, id_: str, owner: Owner, budget: Budget, now: datetime) -> bool:
        """Whether all is told that there is to tell. Raises `ClientError` and `BotoCoreError`."""
        limits = list(_limits(owner, budget, now))
        return not [one for one in limits if not self._tell(id_, owner, one, int(now.timestamp()))]

    def _tell(self, id_: str, owner: Owner, limit: Limit, now_s: int) -> bool:
        while (level := limit.untold) is not None:
            before = limit.before
            if before.claimed_at_s is not None and before.claimed_at_s + CLAIM_HOLDS_S > now_s:
                return False
            claim = replace(before, level=level, claimed_at_s=now_s)
            if not self.budgets.tell(id_, limit.name, limit.told, claim.to_text()):
                return False
            self.topic.publish(*_message(owner, limit, level))
            sent = replace(claim, claimed_at_s=None).to_text()
            if not self.budgets.tell(id_, limit.name, claim.to_text(), sent):
                return False
            limit = replace(limit, told=sent)
        return True


def _limits(owner: Owner, budget: Budget, now: datetime) -> Iterator[Limit]:
    names = period_names(f"{now:%Y-%m-%d}")
    for left in budget.left(owner.limits, now):
        name = names[left.period]
        used = replace(left, spent_nano_usd=budget.settled(name))
        is_refused = budget.item.get(REFUSED + name) == str(left.limit_nano_usd)
        yield Limit(left.period, name, used, is_refused, budget.item.get(ALERTED + name))


def _message(owner: Owner, limit: Limit, level: int) -> tuple[str, str]:
    """Its subject, which has room for a hundred characters with the stage's name, and its text."""
    budget = f"the {_NAMES[limit.period]} budget"
    is_all = level == _LEVELS[-1]
    what = f"{budget} is used up" if is_all else f"{level} % of {budget} is used"
    subject = f"{owner.name or 'all callers'}: {what}"
    used = limit.used
    renewal = f"It renews at {used.renews_at:%Y-%m-%d %H:%M} UTC." if used.renews_at else ""
    spent, whole = (f"{usd(n).normalize():f}" for n in (used.spent_nano_usd, used.limit_nano_usd))
    refused = "Calls that it does not pay for are refused." if is_all else ""
    told = (f"{subject}, {spent} of {whole} USD.", refused, renewal or "It never renews.")
    return subject, " ".join(filter(None, told))
