"""What each function's import takes in a fresh interpreter, over boto3's, with bytecode and without."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.progress import tell
from bench.ratios import ratio_spread, rounded
from stacks.compute.function_table import PROVIDER_FUNCTIONS, provider_function_name
from stacks.names import construct_name

ROUNDS = 3
ROUNDS_WITHOUT_BYTECODE = 1
_FUNCTIONS = Path(__file__).parents[1] / "functions"
_PROGRAM = """
import json, sys, time
began = time.process_time()
import {module}
print(json.dumps([time.process_time() - began, len(sys.modules)]))
"""
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "POWERTOOLS_METRICS_NAMESPACE": "bench",
}


@dataclass(frozen=True)
class Import:
    """A function's, by what it is told."""

    module: str
    variables: Mapping[str, str]


def imports() -> dict[str, Import]:
    """Of every function of the table."""
    folders = sorted(one.parent.name for one in _FUNCTIONS.glob("*/handler.py"))
    found = {}
    for folder in folders:
        module = f"functions.{folder}.handler"
        if folder != "invoke_provider":
            found[construct_name(folder)] = Import(module, {})
            continue
        for row in PROVIDER_FUNCTIONS:
            told = {"PROVIDER": row.provider}
            found[provider_function_name(row.provider)] = Import(module, told)
    return found


def results() -> dict[str, Any]:
    boto3, ours = Import("boto3", {}), imports()
    taken: dict[str, list[float]] = {name: [] for name in ours}
    bare: dict[str, list[float]] = {name: [] for name in ours}
    modules = dict[str, int]()
    with_bytecode, without = list[float](), list[float]()
    for number in range(ROUNDS + 1):
        tell(f"start-up: round {number} of {ROUNDS}, {len(ours)} functions")
        boto3_s, _ = _import(boto3)
        counted = {name: _import(one) for name, one in ours.items()}
        if number == 0:
            continue  # it wrote the bytecode
        with_bytecode.append(boto3_s)
        for name, (spent_s, loaded) in counted.items():
            taken[name].append(spent_s)
            modules[name] = loaded
    for number in range(ROUNDS_WITHOUT_BYTECODE):
        tell(f"start-up: without bytecode, round {number + 1} of {ROUNDS_WITHOUT_BYTECODE}")
        without.append(_import(boto3, bytecode=False)[0])
        for name, one in ours.items():
            bare[name].append(_import(one, bytecode=False)[0])
    return {
        "boto3_ms": rounded(statistics.median(with_bytecode) * 1000),
        "functions": {
            name: {
                "over_boto3": ratio_spread(taken[name], with_bytecode)["median"],
                "over_boto3_without_bytecode": ratio_spread(bare[name], without)["median"],
                "modules": modules[name],
            }
            for name in ours
        },
    }


def _import(one: Import, *, bytecode: bool = True) -> tuple[float, int]:
    """CPU seconds, without the interpreter's own start, and how many modules are there then."""
    with TemporaryDirectory() as empty:
        variables = (
            {} if bytecode else {"PYTHONPYCACHEPREFIX": empty, "PYTHONDONTWRITEBYTECODE": "1"}
        )
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM.format(module=one.module)],
            env={"PATH": os.environ["PATH"], **_ENVIRONMENT, **one.variables, **variables},
            cwd=_FUNCTIONS.parent,
            capture_output=True,
            text=True,
            check=True,
        )
    spent_s, modules = json.loads(done.stdout.splitlines()[-1])
    return spent_s, modules
