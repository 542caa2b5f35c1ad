"""Measures the local models: milliseconds of a decision, growth with the text, cost of loading."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from functions.shared.local_models import classify_task, load_model

ROUNDS = 5
CALLS = 100
LOADING = """
import time
began = time.process_time()
from functions.shared.local_models import load_model
load_model("{name}")
print(time.process_time() - began)
"""
IMPORTING = """
import time
began = time.process_time()
import boto3
print(time.process_time() - began)
"""


def results() -> dict[str, float]:
    """CPU milliseconds for 1 KB of text, and ratios that do not depend on the machine's speed."""
    small, large = _text(1024), _text(10 * 1024)
    predictors: dict[str, Callable[[str], object]] = {
        "classifier": classify_task,
        "sentiment": load_model("sentiment").predict,
    }
    measured: dict[str, float] = {}
    boto3_s = _median_s(IMPORTING)
    for name, predict in predictors.items():
        small_ms = _call_ms(predict, small)
        measured[f"{name}_1kb_ms"] = round(small_ms, 3)
        measured[f"{name}_10kb_over_1kb"] = round(_call_ms(predict, large) / small_ms, 2)
        loading_s = _median_s(LOADING.format(name=name))
        measured[f"{name}_load_over_import_boto3"] = round(loading_s / boto3_s, 2)
    return measured


def _text(characters: int) -> str:
    sentence = (
        "The battery of this phone lasts two days, but its screen isn't as bright as I hoped. "
    )
    return (sentence * (characters // len(sentence) + 1))[:characters]


def _call_ms(predict: Callable[[str], object], text: str) -> float:
    predict(text)
    return statistics.median(_timed_ms(predict, text) for _ in range(CALLS))


def _timed_ms(predict: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    predict(text)
    return (time.process_time() - began) * 1000


def _median_s(program: str) -> float:
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
        for _ in range(ROUNDS)
    ]
    return statistics.median(float(run.stdout) for run in runs)
