"""Where the time of a finished request went: to its providers, into waits for somebody, and to us."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from functions.shared.contracts.states import Attempt, StateTimes

TRANSIT = "transit"
"""What is left of our time: it passed between the handlers, in Step Functions and in the starts of functions, or
in a function that told nothing of it."""


@dataclass(frozen=True)
class TimeSpent:
    """All of it is `provider_ms + waited_ms + overhead_ms`, and `steps_ms` add up to the overhead. They are None
    of a request that was begun by an earlier version."""

    provider_ms: int
    waited_ms: int
    overhead_ms: int
    steps_ms: Mapping[str, float] | None


def time_spent(
    total_ms: int, attempts: Sequence[Attempt], times: StateTimes | None, *, is_stopped: bool
) -> TimeSpent:
    """No part is more than the total leaves, whatever clocks say that differ: each function has its own. The call
    of a stopped job may have gone on without it."""
    called_ms = sum(one.elapsed_ms for one in attempts)
    waited_ms = sum(one.waited_ms - one.retried_ms for one in attempts)
    waited_ms += times.awaited_ms if times else 0
    steps_ms = _handlers_ms(attempts, times or StateTimes())
    if is_stopped:
        called_ms = min(called_ms, max(0, total_ms - waited_ms - math.ceil(sum(steps_ms.values()))))
    provider_ms = min(called_ms, total_ms)
    waited_ms = min(waited_ms, total_ms - provider_ms)
    overhead_ms = total_ms - provider_ms - waited_ms
    return TimeSpent(
        provider_ms, waited_ms, overhead_ms, _parts_ms(steps_ms, overhead_ms) if times else None
    )


def _handlers_ms(attempts: Sequence[Attempt], times: StateTimes) -> dict[str, float]:
    """What each told of its runs, in their order."""
    invoke_ms = sum(one.own_ms for one in attempts) if attempts else None
    told = {
        "classify": times.classify_ms,
        "claim": times.claim_ms,
        "score": times.score_ms,
        "invoke": invoke_ms,
    }
    return {step: ms for step, ms in told.items() if ms is not None}


def _parts_ms(steps_ms: Mapping[str, float], overhead_ms: int) -> dict[str, float]:
    parts, left_ms = dict[str, float](), float(overhead_ms)
    for step, ms in steps_ms.items():
        parts[step] = round(min(ms, left_ms), 2)
        left_ms -= parts[step]
    return parts | {TRANSIT: round(max(0.0, left_ms), 2)}
