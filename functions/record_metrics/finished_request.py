"""A request at its end, with the figures of its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from functions.record_metrics.outcome import attempts_of, error_of
from functions.record_metrics.time_spent import TimeSpent, time_spent
from functions.shared.contracts.states import Attempt, CachedFrom, RecordInput
from functions.shared.errors import EngineError
from functions.shared.money.budget import Budget
from functions.shared.vocabulary import EndStatus


@dataclass(frozen=True)
class FinishedRequest:
    """`now` is when it is recorded; `trace_id` is X-Ray's, empty where nothing is traced. Where one of its calls
    did not tell what it took, `kept` is the item of those that were kept, and `budget` what holds them."""

    event: RecordInput
    now: datetime
    trace_id: str
    kept: Mapping[str, Any] = field(default_factory=dict)
    budget: Budget = field(default_factory=lambda: Budget({}))

    @cached_property
    def attempts(self) -> list[Attempt]:
        return attempts_of(self.event, self.kept, self.budget)

    @cached_property
    def error(self) -> EngineError | None:
        return error_of(self.event, self.attempts)

    @cached_property
    def created_at(self) -> datetime:
        return datetime.fromisoformat(self.event.started_at).astimezone(UTC)

    @property
    def cached_from(self) -> CachedFrom | None:
        """Whose answer it got, where it was a kept one."""
        return self.event.answer.cached_from if self.event.answer else None

    @property
    def status(self) -> EndStatus:
        return self.event.stopped or ("FAILED" if self.error else "SUCCEEDED")

    @property
    def last_attempt(self) -> Attempt | None:
        """The one that answered, where one did."""
        return self.attempts[-1] if self.attempts else None

    @property
    def fallbacks(self) -> int:
        """How often another attempt followed a failed one."""
        return max(0, len(self.attempts) - 1)

    @property
    def cost_nano_usd(self) -> int:
        """What providers bill for all attempts."""
        return sum(attempt.cost_nano_usd for attempt in self.attempts)

    @property
    def possibly_billed_nano_usd(self) -> int:
        """What they may bill for answers that never came."""
        return sum(attempt.possibly_billed_nano_usd for attempt in self.attempts)

    @property
    def simulated_cost_nano_usd(self) -> int:
        """What nobody bills."""
        return sum(attempt.simulated_cost_nano_usd for attempt in self.attempts)

    @property
    def savings_nano_usd(self) -> int:
        """A request that was routed, cost something and was not answered saved less than nothing."""
        if self.event.answer:
            usage = self.event.answer.usage
            more = self.cost_nano_usd - usage.total_cost_nano_usd
            return usage.savings_nano_usd - (more if usage.baseline_model else 0)
        decision = self.event.decision
        return -self.cost_nano_usd if decision and decision.baseline_model else 0

    @property
    def latency_ms(self) -> int:
        """What the answer itself says, so that the two agree; else until a job was stopped, or until the request
        came to its end: it may be recorded later."""
        if self.event.answer:
            return self.event.answer.performance.total_time_ms
        ended_at = self.event.stopped_at or self.event.ended_at
        until = datetime.fromisoformat(ended_at) if ended_at else self.now
        return max(0, round((until - self.created_at).total_seconds() * 1000))

    @cached_property
    def time_spent(self) -> TimeSpent:
        """Of its whole latency."""
        is_stopped = self.event.stopped_at is not None
        return time_spent(self.latency_ms, self.attempts, self.event.times, is_stopped=is_stopped)
