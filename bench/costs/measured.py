"""What one request takes of the engine's functions: processor time, calls of DynamoDB, lines of logs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bench.costs.one_request import ENVIRONMENT, MARK

MEASURED = Path(__file__).with_name("measured.json")
RESULTS = MEASURED.parents[1] / "results.json"
TALLY, TALLY_BATCH = "Tally", "Tally's batch"
"""A row's own part of it, and what a batch takes beside its rows."""
_BENCH_NAMES = {"InvokeSimulator": "Invoke"}
Mode = Literal["sync", "async"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Call(_Frozen):
    """A call of DynamoDB: the bytes of each attribute of the item that it left, or how many items it read."""

    operation: str
    table: str
    attributes: dict[str, int]
    read_items: int


class OneFunction(_Frozen):
    """`lines` are the bytes of each line in its log; `metric_lines` of them are metrics."""

    cpu_ms: Decimal
    calls: list[Call]
    event_bytes: int
    answer_bytes: int
    lines: list[int]
    metric_lines: int


class Measured(_Frozen):
    """`health_keys` are the items that are read to know of the models' health."""

    health_keys: int
    functions: dict[Mode, dict[str, OneFunction]]


def measured() -> Measured:
    """What `python -m bench.costs measure` has found."""
    return Measured.model_validate_json(MEASURED.read_text("utf-8"))


def cpu_ms(found: Measured, mode: Mode) -> dict[str, Decimal]:
    """Processor time of each function, on a whole core: that of `make bench`, but for what it does not run."""
    own = {name: one.cpu_ms for name, one in found.functions[mode].items()}
    return own | _bench().engine.cpu_ms


def proxy_cpu_ms() -> Decimal:
    """Of the other proxy with its database, in the same run as ours."""
    return _bench().peers["litellm_with_database"].gateway_ms.median


class _Of(BaseModel):
    """Of the bench's JSON what is asked here."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Median(_Of):
    median: Decimal


class _Peer(_Of):
    gateway_ms: _Median


class _Engine(_Of):
    functions_ms: dict[str, _Median]
    tally_row_ms: Decimal
    tally_lone_row_ms: Decimal

    @property
    def cpu_ms(self) -> dict[str, Decimal]:
        named = {
            _BENCH_NAMES.get(name, name): one.median for name, one in self.functions_ms.items()
        }
        batch_ms = self.tally_lone_row_ms - self.tally_row_ms
        return named | {TALLY: self.tally_row_ms, TALLY_BATCH: batch_ms}


class _SideBySide(_Of):
    engine: _Engine
    peers: dict[str, _Peer]


class _Bench(_Of):
    side_by_side: _SideBySide


def _bench() -> _SideBySide:
    """Raises `pydantic.ValidationError` where it says something else than it did."""
    return _Bench.model_validate_json(RESULTS.read_text("utf-8")).side_by_side


def measure() -> Measured:
    """Runs a request anew, in a process that knows nothing of this one's environment."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "measured.json"
        ran = subprocess.run(
            [sys.executable, "-m", "bench.costs.one_request", str(target)],
            env=os.environ | ENVIRONMENT,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        told = json.loads(target.read_text("utf-8"))
    lines = _latest_lines(ran.stdout)
    for functions in told["functions"].values():
        for name, one in functions.items():
            one["lines"] = [len(line.encode()) for line in lines[name]]
            one["metric_lines"] = sum('"_aws"' in line for line in lines[name])
    return Measured.model_validate(told)


def _latest_lines(output: str) -> dict[str, list[str]]:
    """By function; the first runs have a line more, of their cold start."""
    latest: dict[str, list[str]] = defaultdict(list)
    name = ""
    for line in output.splitlines():
        if line.startswith(MARK):
            name = line.removeprefix(MARK)
            latest[name] = []
        elif name:
            latest[name].append(line)
    return latest
