"""What is asked of every request before it is looked at closely, and how long it may take."""

from __future__ import annotations

from datetime import datetime

from functions.shared.caller import Caller
from functions.shared.contracts.decision import Profile
from functions.shared.contracts.states import UNLIMITED_NANO_USD, ClassifyInput
from functions.shared.errors import Forbidden, problem_at
from functions.shared.settings import ClassifySettings
from functions.shared.times import epoch_ms
from functions.shared.vocabulary import NanoUsd, Task


def begun_at_ms(event: ClassifyInput) -> int:
    """Of the execution, in epoch milliseconds. Raises `Forbidden` once the caller's time has passed."""
    started_at_ms = epoch_ms(datetime.fromisoformat(event.started_at))
    event.caller.check_time(started_at_ms / 1000)
    return started_at_ms


def deadline_at_ms(
    event: ClassifyInput, max_latency_ms: int | None, started_at_ms: int, settings: ClassifySettings
) -> int:
    """By the stage, by the caller, and by whoever waits for more executions than this one."""
    limit_ms = settings.SYNC_DEADLINE_MS if event.mode == "sync" else settings.ASYNC_DEADLINE_MS
    ends_at_ms = started_at_ms + min(limit_ms, max_latency_ms or limit_ms)
    return min(ends_at_ms, event.deadline_at_ms or ends_at_ms)


def check_task(task: Task, caller: Caller) -> None:
    """Raises `Forbidden`."""
    if caller.tasks and task not in caller.tasks:
        problem = f"{task} is not among the tasks of this caller: {', '.join(caller.tasks)}"
        details = [problem_at("task", problem)]
        raise Forbidden("The caller may not ask for this task.", details=details)


def limit_of(profile: Profile) -> NanoUsd:
    """What all calls of the request together may cost."""
    limit = profile.max_cost_nano_usd
    return UNLIMITED_NANO_USD if limit is None else limit
