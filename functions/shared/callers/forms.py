"""What an operator says of a caller: the bodies of `/admin/callers`, and what the command makes of its options."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from functions.shared.caller import MOST_ALLOWED, BudgetMode, CacheTtl, Name
from functions.shared.callers.records import OwnLimits
from functions.shared.times import from_iso
from functions.shared.vocabulary import Share, Strict, Task, Usd, nano_usd

DAY_S = 86_400
_MOST_USD = 10**9


def _kept(at: datetime) -> datetime:
    """It is kept in seconds since 1970, and shown in UTC."""
    try:
        if at.astimezone(UTC).timestamp() >= 0:
            return at
    except OverflowError:
        pass
    raise ValueError("must be from 1970 to 9999")


Time = Annotated[AwareDatetime, BeforeValidator(from_iso), AfterValidator(_kept)]
Amount = Annotated[
    Usd,
    Field(ge=0, le=_MOST_USD),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": _MOST_USD}),
]
Models = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=200)]],
    Field(max_length=MOST_ALLOWED),
]
Tasks = Annotated[list[Task], Field(max_length=MOST_ALLOWED)]


class _Change(Strict):
    """What is not said stays as it is."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must say what to change")
        return self

    @property
    def said(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


class BudgetChange(_Change):
    """Of a caller's own limits, in USD of a day, of a month of the calendar and in all; null takes one away, so
    that its plan's holds."""

    day_usd: Amount | None = None
    month_usd: Amount | None = None
    total_usd: Amount | None = None
    tokens_per_minute: Annotated[int, Field(ge=1, le=10**12)] | None = None
    mode: BudgetMode | None = None
    tier_down_at: Share | None = None

    def over(self, own: OwnLimits) -> OwnLimits:
        return own.model_copy(update=dict(map(_in_nano_usd, self.said.items())))


def _in_nano_usd(said: tuple[str, Any]) -> tuple[str, Any]:
    name, value = said
    stem = name.removesuffix("_usd")
    if stem == name:
        return said
    return f"{stem}_nano_usd", nano_usd(value) if isinstance(value, Decimal) else None


class CallerChange(_Change):
    """`models` and `tasks` are those that it may ask for, all where there are none; null lets it never
    expire. `cache_ttl_seconds` is for its requests that say none."""

    models: Models = Field(default_factory=list)
    tasks: Tasks = Field(default_factory=list)
    expires_at: Time | None = None
    cache_ttl_seconds: CacheTtl = 0


class NewCaller(Strict):
    """`subject` is what the tokens of the stage's issuer call it: it then signs in with those, and gets a key
    when it is rotated."""

    name: Name
    plan: Literal["standard", "operator"] = "standard"
    models: Models = Field(default_factory=list)
    tasks: Tasks = Field(default_factory=list)
    expires_at: Time | None = None
    cache_ttl_seconds: CacheTtl = 0
    budget: BudgetChange | None = None
    subject: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None


class Rotation(Strict):
    """How long the keys so far are taken beside the new one."""

    overlap_seconds: Annotated[int, Field(ge=0, le=90 * DAY_S)] = DAY_S


class Switch(Strict):
    """`now`: all callers are authorised anew, so that it holds for the next request."""

    now: bool = False
