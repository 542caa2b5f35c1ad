"""Who calls, as its executions know it: what it may ask for, and what it may spend."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from functions.shared.errors import Forbidden
from functions.shared.vocabulary import Count, Frozen, NanoUsd, Share, Task

OPERATOR = "operator"
"""The plan whose callers see what all others made, and manage them."""

BudgetMode = Literal["strict", "expected"]
"""What is held before a call: the most that it can cost, or what 99 of 100 answers to its task take."""

Period = Literal["day", "month", "total"]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
"""Of a caller, once in a stage: what people and pages call it."""

MOST_ALLOWED = 50

CacheTtl = Annotated[int, Field(ge=0, le=2_592_000)]
"""For how many seconds an answer may be given again: at most 30 days, 0 is never."""


class Limits(Frozen):
    """What may be spent in a day, in a month of the calendar and in all, UTC, and the tokens that may go
    to models and come back in a minute; None is without a limit. From the share `tier_down_at` of any
    budget on, models are chosen as for the preference `cheap`."""

    day_nano_usd: NanoUsd | None = None
    month_nano_usd: NanoUsd | None = None
    total_nano_usd: NanoUsd | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    mode: BudgetMode = "strict"
    tier_down_at: Share = 0.8

    @property
    def is_none(self) -> bool:
        amounts = (self.day_nano_usd, self.month_nano_usd, self.total_nano_usd)
        return all(limit is None for limit in (*amounts, self.tokens_per_minute))


class Caller(Frozen):
    """`models` and `tasks` are those that it may ask for, all where there are none. `limits` are its own
    and `stage_limits` those of all callers together; None is without any. `expires_at_s` in epoch seconds:
    what was authorised before may be asked until then. `cache_ttl_seconds` is for requests that say none."""

    name: str = ""
    plan: str = "standard"
    models: Annotated[list[str], Field(max_length=MOST_ALLOWED)] = Field(default_factory=list)
    tasks: list[Task] = Field(default_factory=list)
    expires_at_s: Count | None = None
    cache_ttl_seconds: Annotated[CacheTtl, Field(exclude_if=lambda ttl: not ttl)] = 0
    limits: Limits | None = None
    stage_limits: Limits | None = None

    @property
    def is_operator(self) -> bool:
        return self.plan == OPERATOR

    def check_time(self, now_s: float) -> None:
        """Raises `Forbidden` once it has expired; `now_s` in epoch seconds."""
        if self.expires_at_s is not None and self.expires_at_s <= now_s:
            raise Forbidden("This caller's time, or its key's, has expired.")

    @property
    def mode(self) -> BudgetMode:
        """Of its own budget."""
        return self.limits.mode if self.limits else "strict"

    @property
    def is_limited(self) -> bool:
        return self.limits is not None or self.stage_limits is not None
