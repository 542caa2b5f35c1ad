"""What a call may spend, and what it has spent: held before it, kept and settled after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.invoke_provider.demand import NOT_HELD, Allowance
from functions.shared.contracts.states import Attempt, Call, InvokeInput
from functions.shared.money.budget import limits_by_id
from functions.shared.money.charging import is_charged
from functions.shared.settings import InvokeSettings

if TYPE_CHECKING:
    from functions.invoke_provider.reserving import Held

# botocore would take whoever waits for a function without a key 0.1 s to import: where nothing is held and
# nothing is kept it is not there.


class Spending:
    """Of one call."""

    def __init__(self, called: InvokeInput, settings: InvokeSettings) -> None:
        self._called = called
        self._settings = settings
        self._held: Held | None = None

    def reserve(self) -> Allowance:
        """Raises `BudgetExceeded`, `TokensExceeded` and `BudgetUnavailable`; `DeadlineExceeded` and
        `ModelNotFound`, too, and `EngineError` for a call that was made before. Then nothing is held."""
        called, profile = self._called, self._called.profile
        is_limited = bool(limits_by_id(profile.caller_id, profile.caller))
        if not is_limited or not is_charged(called.candidate, called.decision.routing_context):
            return NOT_HELD
        from functions.invoke_provider.reserving import Reserving  # noqa: PLC0415

        self._held = Reserving(called, self._settings).hold()
        return self._held.allowance

    def close(self, attempt: Attempt | None) -> None:
        """`attempt` is None where nobody was called. What cannot be kept or settled costs nobody the answer:
        the hold is settled by whoever finds it expired."""
        if attempt is not None:
            self._keep(attempt)
        if self._held is not None:
            self._held.settle(attempt or Call())

    def _keep(self, attempt: Attempt) -> None:
        """Of a job, which may be stopped before it is told, and of what is held."""
        profile = self._called.profile
        if profile.mode != "async" and self._held is None:
            return
        from functions.shared.money.job_calls import keep_call  # noqa: PLC0415

        keep_call(profile, len(self._called.failures) + 1, attempt, self._settings.STATE_TABLE)
