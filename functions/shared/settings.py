"""Each function's environment as a typed model, read on first use and never at import."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

MockProviders = Literal["auto", "never", "always"]


def _names(value: object) -> object:
    return frozenset(filter(None, value.split(","))) if isinstance(value, str) else value


class Settings(BaseModel):
    """Unknown variables are Lambda's own."""

    model_config = ConfigDict(frozen=True, extra="ignore")


T = TypeVar("T", bound=Settings)


class ClassifySettings(Settings):
    """The whole chain's deadline in milliseconds, by way of calling."""

    SYNC_DEADLINE_MS: int
    ASYNC_DEADLINE_MS: int


class ScoreSettings(Settings):
    """Which providers have credentials, and what becomes of those that have none."""

    PROVIDERS_CONFIGURED: Annotated[frozenset[str], BeforeValidator(_names)] = frozenset()
    MOCK_PROVIDERS: MockProviders = "auto"


class InvokeSettings(Settings):
    PROVIDER: Literal["openai", "anthropic", "simulator"]
    PROVIDER_SECRET_ARN: str = ""


class RecordSettings(Settings):
    REQUESTS_TABLE: str
    DEAD_LETTER_QUEUE_URL: str
    LOG_RETENTION_DAYS: int


class ApiSettings(Settings):
    JOBS_STATE_MACHINE_ARN: str


@lru_cache
def read(kind: type[T]) -> T:
    """Raises `pydantic.ValidationError` where the environment lacks what the function needs."""
    return kind.model_validate(dict(os.environ))
