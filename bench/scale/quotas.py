"""Every quota with its source, and what of the engine runs into it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, HttpUrl

_HERE = Path(__file__).parent


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Quota(_Read):
    """`limit` is None where AWS tells no number; `burst` is a token bucket's size."""

    service: str
    what: str
    limit: float | None = Field(default=None, gt=0)
    burst: float | None = Field(default=None, gt=0)
    raised: str
    source: HttpUrl
    read: date
    doubt: str = ""


class Known(_Read):
    """Something that runs into a quota: what shows then, what mends it and what that costs. It is `ours` where
    another design would not."""

    name: str
    quota: str | None = None
    ours: bool = False
    shows: str
    mend: str
    costs: str


@cache
def quotas() -> Mapping[str, Quota]:
    return {key: Quota.model_validate(told) for key, told in _toml("quotas").items()}


@cache
def known() -> Mapping[str, Known]:
    return {key: Known.model_validate(told) for key, told in _toml("limits").items()}


@cache
def assumed() -> Mapping[str, Any]:
    """What is not measured, by its name in assumed.toml."""
    return _toml("assumed")


def limit_of(key: str) -> float:
    """Raises `ValueError` where AWS tells none."""
    limit = quotas()[key].limit
    if limit is None:
        raise ValueError(f"there is no number of {key}")
    return limit


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((_HERE / f"{name}.toml").read_text("utf-8"))
