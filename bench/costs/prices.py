"""What AWS asks, from prices.toml."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

PRICES = Path(__file__).with_name("prices.toml")


class Price(BaseModel):
    """Of one `unit`, in US dollars; `by` says where it was read on that day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usd: Decimal = Field(ge=0)
    unit: str
    source: str
    by: str
    read: date


@lru_cache
def prices() -> dict[str, Price]:
    """By name. Raises `pydantic.ValidationError`."""
    table = tomllib.loads(PRICES.read_text("utf-8"))
    return TypeAdapter(dict[str, Price]).validate_python(table)
