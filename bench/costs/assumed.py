"""What neither the template nor a measurement tells, from assumed.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

Assumed = Mapping[str, Decimal]
"""By name."""


class Assumption(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Decimal
    what: str


@lru_cache
def assumptions() -> dict[str, Assumption]:
    """Raises `pydantic.ValidationError`."""
    text = Path(__file__).with_name("assumed.toml").read_text("utf-8")
    return TypeAdapter(dict[str, Assumption]).validate_python(tomllib.loads(text))


def assumed() -> Assumed:
    return {name: one.value for name, one in assumptions().items()}
