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

from bench import budgets, kept_answers, local_models, request_log
from functions.classify.profiling import profile_request
from functions.score.ranking import rank
from functions.shared.catalogue.models import Catalogue, load_catalogue
from functions.shared.contracts.decision import ModelHealth, RoutingContext, TaskHistory
from functions.shared.contracts.states import ClassifyInput, json_of
from functions.shared.policy.routing_policy import load_policy
from functions.shared.settings import ClassifySettings

RESULTS = Path(__file__).with_name("results.json")
HANDLERS = ("classify", "claim", "score", "record_metrics", "api", "route")
ROUNDS = 7
_SETTINGS = ClassifySettings(SYNC_DEADLINE_MS=26_000, ASYNC_DEADLINE_MS=240_000)


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
    catalogue, routing_context = _catalogue(models), _situation()
    profile = profile_request(_request(), _SETTINGS).profile
    policy = load_policy("default")
    return _median_ms(lambda: rank(profile, catalogue, policy, routing_context))


def routing_ms(models: int) -> float:
    """CPU milliseconds to classify a prompt of 2 KB and to rank so many models for it, as handlers
    hand on the result."""
    catalogue, routing_context = _catalogue(models), _situation()
    request, policy = _request(), load_policy("default")

    def route() -> None:
        classified = profile_request(request, _SETTINGS)
        json_of(classified)
        json_of(rank(classified.profile, catalogue, policy, routing_context))

    return _median_ms(route)


def _catalogue(models: int) -> Catalogue:
    known = load_catalogue().models
    return Catalogue.model_construct(
        models=tuple(known[number % len(known)] for number in range(models))
    )


def _situation() -> RoutingContext:
    """Every model was called lately, and none is down."""
    seen = ModelHealth(
        ok=40,
        faults=1,
        answers=400,
        latency_ms=800_000,
        latency_ms_squared=2_000_000_000,
        output_tokens=120_000,
        tasks={"chat": TaskHistory(answers=300, output_tokens=90_000)},
    )
    health = {model.id: seen for model in load_catalogue().models}
    return RoutingContext(mock_providers="always", health=health)


def _request() -> ClassifyInput:
    """2 KB of English whose task is to be found out."""
    sentence = "Could you tell me what makes a small town worth a visit in the autumn? "
    return ClassifyInput(
        request={"text": (sentence * 30)[:2048]},
        request_id="req_bench",
        caller_id="bench",
        mode="sync",
        started_at="2026-11-25T10:00:00Z",
    )


def _median_ms(call: Callable[[], object]) -> float:
    times = []
    for _ in range(200):
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
        "classify_and_score_30_models_ms": round(routing_ms(30), 3),
        "local_models": local_models.results(),
        "request_log": request_log.results(),
        "budgets": budgets.results(),
        "kept_answers": kept_answers.results(),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
