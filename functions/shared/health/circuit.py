"""Whether a model is called at all, by what was counted of it lately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from functions.shared.contracts.decision import ModelHealth

PRIOR_ATTEMPTS = 10
"""Pseudo-observations, all of them good, of a model's availability."""

MIN_FAULTS = 5

FAULT_SHARE = 0.5
"""A circuit opens when at least so many attempts of the window failed, and this share of them."""

COOLDOWN_MS = 30_000

BLOCK_MS = 60_000
"""For so long after the last fault, or after a refused key, nothing is tried."""

Circuit = Literal["closed", "half_open", "open"]


def availability(health: ModelHealth | None) -> float:
    """The share of recent attempts that were neither faults nor throttled, drawn to 1."""
    if health is None:
        return 1.0
    failed = health.faults + health.throttles
    return (PRIOR_ATTEMPTS + health.ok) / (PRIOR_ATTEMPTS + health.ok + failed)


def circuit_of(
    model: str, provider: str, health: Mapping[str, ModelHealth], now_ms: int
) -> tuple[Circuit, str]:
    """Whether to call the model at all, by its own record and its provider's, and why not.

    An open circuit lets nothing through, a half-open one a few requests, until what opened it is
    older than the window.
    """
    own = health.get(model)
    for record in (own, health.get(provider)):
        if record and record.blocked_at_ms:
            waits = now_ms - record.blocked_at_ms < BLOCK_MS
            return ("open" if waits else "half_open"), "its provider refused it lately"
    if own is None or own.faults < MIN_FAULTS or own.one_caller_only:
        # What one caller alone runs into may well be of its own making.
        return "closed", ""
    attempts = own.ok + own.faults
    if own.faults < FAULT_SHARE * attempts:
        return "closed", ""
    waits = now_ms - own.last_fault_at_ms < COOLDOWN_MS
    return (
        "open" if waits else "half_open"
    ), f"{own.faults} of its last {attempts} attempts failed"
