"""Calls of callers that have a budget, by the simulator, whose answers are charged where nobody else is called."""

from __future__ import annotations

import time
from typing import Any

from functions.shared.caller import Caller, Limits
from functions.shared.contracts.states import json_of
from tests.support.builders import candidate, decision, profile, ranked

OWN = "caller#key-1"
MODEL = "gpt-4o"
WORST_NANO_USD = 10_000_000
CLAMPED = {
    "output_limit": 1_000,
    "usual_output_tokens": 400,
    "least_output_tokens": 100,
    "least_cost_nano_usd": 1_000_000,
}
"""Each token fewer saves 10,000 nano-dollars."""


def limited(*, stage: Limits | None = None, **limits: Any) -> Caller:
    return Caller(limits=Limits(**limits) if limits else None, stage_limits=stage)


def call(
    caller: Caller,
    number: int = 1,
    *,
    mode: Any = "sync",
    providers: Any = (),
    **changes: Any,
) -> dict[str, Any]:
    """What the function of a provider is given; `changes` are of the candidate."""
    asked = profile(
        "summarize",
        int(time.time() * 1000),
        request_id=f"req_{number}",
        mode=mode,
        caller=caller.model_dump(),
    )
    context = {"providers_configured": list(providers)}
    fields = {"mock": True, "worst_case_cost_nano_usd": WORST_NANO_USD, **changes}
    return {
        "request": {"text": "A confidential matter. It is long."},
        "profile": json_of(asked),
        "decision": json_of(decision(ranked(MODEL, mock=True), routing_context=context)),
        "candidate": json_of(candidate(MODEL, **fields)),
        "failures": [],
        "remaining": 0,
    }
