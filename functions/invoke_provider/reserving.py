"""Holds what a call can cost in each budget of its caller, or as much of it as they pay for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex

from botocore.exceptions import BotoCoreError, ClientError

from functions.invoke_provider.attempt import attempt_timeout_s
from functions.invoke_provider.demand import Allowance, Demand
from functions.shared.attempt_limits import HOLD_MARGIN_S, OVERRUN_S
from functions.shared.contracts.answer import DroppedParameter
from functions.shared.contracts.states import Call, InvokeInput
from functions.shared.errors import (
    BUSY_S,
    BudgetExceeded,
    BudgetUnavailable,
    EngineError,
    TokensExceeded,
)
from functions.shared.money.budget import Budget, Hold, limits_by_id, minute_of
from functions.shared.money.budget_table import BudgetTable
from functions.shared.money.charging import budget_exceeded
from functions.shared.money.expired_holds import close_expired, tokens_of
from functions.shared.money.job_calls import calls_id, kept_call
from functions.shared.settings import InvokeSettings
from functions.shared.storage.state_table import StateTable
from functions.shared.storage.tables import table
from functions.shared.telemetry.observability import count, logger
from functions.shared.telemetry.series import BUDGET_UNAVAILABLE
from functions.shared.times import utc

MOST_ROUNDS = 5
"""In each a shorter answer is asked for, as others take of the same budget meanwhile; then the shortest."""
MOST_CLOSED = 8
"""Expired holds of a budget that one call closes before its own."""
CALLED_BEFORE = "This attempt was made before."
_NO_MONEY = "what is left of the budget pays for no more"
_NO_TOKENS = "what is left of this minute's tokens allows no more"


@dataclass(frozen=True)
class Held:
    """The holds of one call, by their budgets."""

    holds: Mapping[str, Hold]
    allowance: Allowance
    budgets: BudgetTable

    def settle(self, call: Call) -> None:
        """What is not settled here expires, and is settled by what was kept of the call. Where one fails, those
        behind it are left, too: by their holds others see that the call was made."""
        is_told = call.usage is not None or call.charged_nano_usd > 0
        for id_, hold in self.holds.items():
            tokens = tokens_of(call, hold) if is_told else 0
            if call.charged_nano_usd > hold.nano_usd:
                logger.warning("hold exceeded", held=hold.nano_usd, charged=call.charged_nano_usd)
            try:
                self.budgets.settle(id_, hold, call.charged_nano_usd, tokens)
            except (BotoCoreError, ClientError) as failure:
                logger.warning("hold not settled", error_type=type(failure).__name__)
                return


class Reserving:
    """Of one call, by one writer."""

    def __init__(self, event: InvokeInput, settings: InvokeSettings) -> None:
        """Raises `DeadlineExceeded` and `ModelNotFound`."""
        profile, now_s = event.profile, time.time()
        self._limits = limits_by_id(profile.caller_id, profile.caller)
        self._demand = Demand.of(event)
        self._began, self._now = utc(profile.started_at_ms), datetime.fromtimestamp(now_s, UTC)
        self._call = (profile.request_id, len(event.failures) + 1)
        ends_s = now_s + attempt_timeout_s(event, now_s * 1000)
        self._expires_at_s = round(ends_s + OVERRUN_S + HOLD_MARGIN_S)
        self._writer = token_hex(4)
        self._holds: dict[str, Hold] = {}
        self._budgets = BudgetTable(table(settings.BUDGETS_TABLE))
        self._ledger = StateTable(settings.STATE_TABLE)

    def hold(self) -> Held:
        """Raises as `Spending.reserve` does."""
        try:
            allowance = self._allowance()
            self._check_new()
        except (BotoCoreError, ClientError) as failure:
            self._release()
            count(BUDGET_UNAVAILABLE)
            logger.error("budget unavailable", error_type=type(failure).__name__)
            message = "What is left of the budget is not known for the moment."
            raise BudgetUnavailable(message, retry_after_seconds=BUSY_S) from None
        except EngineError:
            self._release()
            raise
        return Held(self._holds, allowance, self._budgets)

    def _allowance(self) -> Allowance:
        output_tokens, why, rounds = self._demand.longest, "", 1
        while refused := self._refused(output_tokens):
            self._release()
            output_tokens, why = self._fewer(*refused)
            rounds += 1
            if rounds > MOST_ROUNDS:
                output_tokens = self._demand.shortest
        held = next(iter(self._holds.values())).nano_usd
        if not why:
            return Allowance(held)
        dropped = DroppedParameter(
            parameter="max_output_tokens", reason=f"lowered to {output_tokens}: {why}"
        )
        return Allowance(held, output_tokens, (dropped,))

    def _refused(self, output_tokens: int) -> tuple[str, Budget] | None:
        """The first budget that does not pay for it."""
        for id_ in self._limits:
            hold = self._hold(id_, output_tokens)
            # Before it is written: an answer may be lost.
            self._holds[id_] = hold
            budget = self._budgets.reserve(id_, self._limits[id_], hold)
            if budget is not None and self._close_expired(id_, hold, budget):
                budget = self._budgets.reserve(id_, self._limits[id_], hold)
            if budget is not None:
                self._check_unheld(hold, budget)
                del self._holds[id_]
                return id_, budget
        return None

    def _hold(self, id_: str, output_tokens: int) -> Hold:
        limits, demand = self._limits[id_], self._demand
        made = demand.held_tokens(limits, output_tokens)
        held, assumed = demand.nano_usd(made), self._assumed_nano_usd(output_tokens)
        hold = Hold(
            *self._call,
            nano_usd=held,
            tokens=demand.input_tokens + made,
            day=f"{self._began:%Y-%m-%d}",
            minute=minute_of(self._now),
            expires_at_s=self._expires_at_s,
            writer=self._writer,
            assumed_nano_usd=None if assumed == held else assumed,
            next_id=self._next_id(id_),
        )
        return hold.under(limits)

    def _assumed_nano_usd(self, output_tokens: int) -> int:
        """As the first budget holds it, whatever is held of the others."""
        first = next(iter(self._limits.values()))
        return self._demand.nano_usd(self._demand.held_tokens(first, output_tokens))

    def _next_id(self, id_: str) -> str:
        ids = [*self._limits, ""]
        return ids[ids.index(id_) + 1]

    def _close_expired(self, id_: str, hold: Hold, budget: Budget) -> bool:
        """Whether there was any."""
        self._check_unheld(hold, budget)
        expired = budget.expired(self._now.timestamp())[:MOST_CLOSED]
        for one in expired:
            close_expired(id_, one, self._ledger, self._budgets)
        return bool(expired)

    def _check_unheld(self, hold: Hold, budget: Budget) -> None:
        """Step Functions may deliver an event twice, and a call may be made once."""
        if budget.hold(hold.key) is not None:
            raise EngineError(CALLED_BEFORE)

    def _check_new(self) -> None:
        """The hold of a call that has ended is gone; what it took is kept."""
        request_id, attempt = self._call
        item = calls_id(request_id)
        if kept_call(self._ledger.read([item], consistent=True).get(item, {}), attempt):
            raise EngineError(CALLED_BEFORE)

    def _fewer(self, id_: str, budget: Budget) -> tuple[int, str]:
        """The output tokens that the budget still pays for, and what to say of it."""
        limits, demand = self._limits[id_], self._demand
        lefts = budget.left(limits, self._began)
        bought = min((demand.bought(one.nano_usd) for one in lefts), default=demand.longest)
        tokens_left = budget.tokens_left(limits, self._now)
        room = demand.longest if tokens_left is None else tokens_left - demand.input_tokens
        if min(bought, room) < demand.shortest:
            raise self._too_dear(id_, budget)
        why = _NO_TOKENS if room < bought else _NO_MONEY
        return min(bought, room, demand.usual), why

    def _too_dear(self, id_: str, budget: Budget) -> BudgetExceeded | TokensExceeded:
        limits, demand = self._limits[id_], self._demand
        lefts = budget.left(limits, self._began)
        if any(one.nano_usd < demand.least_nano_usd for one in lefts):
            return budget_exceeded(id_, lefts, demand.least_nano_usd)
        return TokensExceeded(
            "What is left of the caller's tokens per minute is less than the call takes.",
            retry_after_seconds=60 - self._now.second,
        )

    def _release(self) -> None:
        """Nothing was called."""
        Held(self._holds, Allowance(), self._budgets).settle(Call())
        self._holds = {}
