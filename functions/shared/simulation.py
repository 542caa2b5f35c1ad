"""How the simulator is told to fail, so that what the engine does then can be rehearsed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, Json, TypeAdapter

from functions.shared.catalogue.models import load_catalogue
from functions.shared.errors import (
    ERRORS_BY_NAME,
    ContentFiltered,
    ContextWindowExceeded,
    EngineError,
    ModelNotFound,
    ProviderAuthFailed,
    ProviderBadResponse,
    ProviderOverloaded,
    ProviderQuotaExhausted,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
    RequestDoubted,
    RequestUnsupported,
)
from functions.shared.vocabulary import Score, Strict

LATENCY_VARIABLE = "SIMULATOR_LATENCY"
"""1: answers take as long as the catalogue says of their models."""

FAULTS_VARIABLE = "SIMULATOR_FAULTS"
"""JSON {model, provider or *: fault}, a fault's name or the object of `Fault`."""

EVERYTHING = "*"

FAULTS: Mapping[str, type[EngineError]] = {
    "throttled": ProviderThrottled,
    "overloaded": ProviderOverloaded,
    "unavailable": ProviderUnavailable,
    "timeout": ProviderTimeout,
    "cut": ProviderBadResponse,
    "bad_response": ProviderBadResponse,
    "content_filtered": ContentFiltered,
    "context_window": ContextWindowExceeded,
    "quota": ProviderQuotaExhausted,
    "auth": ProviderAuthFailed,
    "model_not_found": ModelNotFound,
    "unsupported": RequestUnsupported,
    "doubted": RequestDoubted,
}
"""`cut` is an answer that breaks off, and is paid as far as it came."""


def _known_fault(name: str) -> str:
    if name not in FAULTS and name not in ERRORS_BY_NAME:
        raise ValueError(f"one of {', '.join(FAULTS)}, or the class of an error")
    return name


class Fault(Strict):
    """`share` of the requests that a model gets, always the same ones. `wait_seconds` is how long the caller
    has to wait: a throttled one is told so, any other fault comes so late."""

    fault: Annotated[str, AfterValidator(_known_fault)]
    """A name of `FAULTS`, or the class of an error."""
    share: Score = 1.0
    wait_seconds: Annotated[float, Field(ge=0, le=900)] | None = None

    @property
    def error(self) -> type[EngineError]:
        return FAULTS.get(self.fault) or ERRORS_BY_NAME[self.fault]


def _named(told: Any) -> Any:
    return {"fault": told} if isinstance(told, str) else told


Faults = dict[str, Annotated[Fault, BeforeValidator(_named)]]


def of_the_catalogue(faults: Faults) -> Faults:
    """Raises `ValueError` for a name that is no model, provider or `*`."""
    models = load_catalogue().models
    known = {model.id for model in models} | {model.provider for model in models} | {EVERYTHING}
    for name in faults.keys() - known:
        raise ValueError(f"{name} is no model, no provider and not {EVERYTHING}")
    return faults


@lru_cache(maxsize=1)
def faults_in(text: str) -> Faults:
    """Raises `pydantic.ValidationError`."""
    return TypeAdapter(Json[Faults]).validate_python(text or "{}")


def fault_of(faults: Faults, model: str, provider: str) -> Fault | None:
    """What is said of the model counts, else of its provider, else of all."""
    return next((faults[name] for name in (model, provider, EVERYTHING) if name in faults), None)
