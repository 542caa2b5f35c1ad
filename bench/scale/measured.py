"""What bench/results.json tells of the functions, and of what they write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.scale.quotas import assumed

_RESULTS = Path(__file__).parents[1] / "results.json"
_NAMED = {"InvokeSimulator": "Invoke"}
"""The simulator's is as long as a provider's but for the provider."""
_HELD = 100


@dataclass(frozen=True)
class Measured:
    """Processor time is of a whole core. A budget's bytes are those of a caller that was active on every day."""

    cpu_ms: Mapping[str, float]
    tally_row_ms: float
    row_units: int
    budget_bytes: int
    hold_bytes: float


@cache
def measured() -> Measured:
    told = json.loads(_RESULTS.read_text("utf-8"))
    engine, bytes_by_holds = told["side_by_side"]["engine"], told["budgets"]["budget_bytes"]
    cpu_ms = {
        _NAMED.get(name, name): float(one["median"]) for name, one in engine["functions_ms"].items()
    }
    empty = bytes_by_holds["0"]
    return Measured(
        {**cpu_ms, "Api": float(assumed()["api_cpu_ms"]["value"])},
        float(engine["tally_row_ms"]),
        int(told["rows"]["write_units"]["the_row"]["median"]),
        empty,
        (bytes_by_holds[str(_HELD)] - empty) / _HELD,
    )
