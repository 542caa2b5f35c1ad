"""`make bench`: measures, writes bench/results.json and prints the table."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import local_models
from functions.score.ranking import rank
from functions.shared.catalogue import Catalogue, load_catalogue
from functions.shared.contracts import Profile
from functions.shared.settings import ScoreSettings

RESULTS = Path(__file__).with_name("results.json")
HANDLERS = ("classify", "score", "record_metrics", "api")
ROUNDS = 7


def import_s(module: str) -> float:
    """CPU seconds of an import in a fresh interpreter, without the interpreter's own start."""
    program = f"import time; began = time.process_time(); import {module}; print(time.process_time() - began)"
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
        for _ in range(ROUNDS)
    ]
    return statistics.median(float(run.stdout) for run in runs)


def import_ratios() -> dict[str, float]:
    """Each handler's import against that of boto3 alone."""
    boto3_s = import_s("boto3")
    return {name: import_s(f"functions.{name}.handler") / boto3_s for name in HANDLERS}


def scoring_ms(models: int) -> float:
    """CPU milliseconds to rank a catalogue of this many models, the real ones over and over."""
    known = load_catalogue().models
    rows = tuple(known[number % len(known)] for number in range(models))
    catalogue = Catalogue.model_construct(models=rows)
    profile = _profile()
    settings = ScoreSettings(MOCK_PROVIDERS="always")
    return _median_ms(lambda: rank(profile, catalogue, settings))


def _profile() -> Profile:
    return Profile(
        request_id="req_bench",
        api_key_id="bench",
        mode="sync",
        task="chat",
        task_source="caller",
        task_confidence=1,
        model_preference="balanced",
        fallback=True,
        estimated_input_tokens=500,
        required_capabilities=[],
        metadata={},
        started_at_ms=1_795_000_000_000,
        deadline_at_ms=1_795_000_026_000,
        classify_ms=0,
    )


def _median_ms(call: Callable[[], object]) -> float:
    times = []
    for _ in range(50):
        began = time.process_time()
        call()
        times.append((time.process_time() - began) * 1000)
    return statistics.median(times)


def main() -> int:
    small_ms, large_ms = scoring_ms(25), scoring_ms(100)
    results: dict[str, object] = {
        "python": platform.python_version(),
        "import_over_boto3": {name: round(ratio, 2) for name, ratio in import_ratios().items()},
        "scoring_100_models_ms": round(large_ms, 3),
        "scoring_100_over_25_models": round(large_ms / small_ms, 2),
        "local_models": local_models.results(),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
