"""How much the lengths of a model's answers vary: what is assumed of them until its own answers tell."""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from pathlib import Path
from statistics import fmean, median, pvariance
from typing import Any

from training.data import MalformedRows, json_rows, source_files

SOURCES = "router_zeroeval"
"""Answers of the same models to three sets of problems, with their lengths in characters."""
_Z99 = 2.3263


def run_lengths(arguments: argparse.Namespace) -> int:
    """Raises `MalformedRows`."""
    print(json.dumps(fit_lengths(arguments.data), indent=1))
    return 0


def fit_lengths(directory: Path) -> dict[str, Any]:
    """`variation_squared` is the variance over the squared mean, `p99_over_counted` what a log-normal length
    of that variation has for its 99th percentile over what was counted; both the models' median. Raises
    `MalformedRows`."""
    lengths = list(_lengths(directory).values())
    return {
        "models": len(lengths),
        "answers": sum(map(len, lengths)),
        "variation_squared": round(median(map(_variation_squared, lengths)), 3),
        "p99_over_counted": round(median(map(_p99_over_counted, lengths)), 3),
    }


def _lengths(directory: Path) -> dict[str, list[int]]:
    by_model: dict[str, list[int]] = defaultdict(list)
    for path in source_files(directory, SOURCES):
        for where, row in json_rows(path):
            if "out_chars" not in row:
                raise MalformedRows(f"{where}: needs `out_chars`")
            for model, characters in row["out_chars"].items():
                by_model[model].append(characters)
    return by_model


def _variation_squared(lengths: list[int]) -> float:
    return pvariance(lengths) / fmean(lengths) ** 2


def _p99_over_counted(lengths: list[int]) -> float:
    sigma_squared = math.log1p(_variation_squared(lengths))
    p99 = fmean(lengths) * math.exp(_Z99 * math.sqrt(sigma_squared) - sigma_squared / 2)
    return p99 / sorted(lengths)[int(0.99 * len(lengths))]
