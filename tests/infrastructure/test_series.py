"""Every metric that the default catalogue can leave in CloudWatch: each one is billed."""

import json
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.states import RecordInput
from functions.shared.errors import ERRORS_BY_NAME
from functions.shared.telemetry.series import (
    NAMESPACE,
    OF_ATTEMPTS,
    OF_FUNCTIONS,
    OF_REQUESTS,
    UNITS,
)
from functions.shared.vocabulary import Preference, Task
from tests.support.builders import candidate, decision, profile, ranked
from tests.support.row_stream import metric_lines

pytestmark = pytest.mark.xdist_group("synthesis")

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
PROJECT = Path(__file__).parents[2]
OBSERVABILITY = PROJECT / "docs" / "observability.md"
IDS = {"request_id": "req_1", "caller_id": "key-1", "mode": "sync"}
MOST_SERIES = 500
PER_MODEL = 4
MOST_MODELS = 89


@pytest.fixture(autouse=True)
def _service(monkeypatch):
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "llm-orchestrator-test")


def _answer(model, provider, task, preference):
    usage = {
        "input_tokens": 5, "cached_input_tokens": 0, "output_tokens": 7, "total_cost_nano_usd": 250_000_000,
        "usage_source": "provider", "baseline_model": "gpt-4o", "baseline_cost_nano_usd": 125_000_000,
        "savings_nano_usd": -125_000_000, "price_version": "1",
    }  # fmt: skip
    times = {"total_time_ms": 900, "routing_time_ms": 3, "inference_time_ms": 850}
    answer = {"mock": False, "finish_reason": "stop", "usage": usage, "performance": times}
    attempt = {
        "model": model, "provider": provider, "outcome": "success", "elapsed_ms": 850,
        "cost_nano_usd": 250_000_000,
    }  # fmt: skip
    return {
        "answer": answer,
        "attempt": attempt,
        "profile": profile(task, model_preference=preference),
        "decision": decision(ranked(model)),
        "times": {"classify_ms": 1, "claim_ms": 5, "score_ms": 7},
    }


def _failure(model, provider, name):
    error = {"Error": name, "Cause": json.dumps({"errorMessage": "{}"})}
    failed = {"candidate": candidate(model, provider=provider), "error": error}
    return {"failures": [failed], "error": _caught(name), "decision": decision(ranked(model))}


def _caught(name):
    return {"Error": name, "Cause": "{}"}


def _lines(*requests):
    started = IDS | {"started_at": NOW.isoformat()}
    return metric_lines([RecordInput.model_validate(started | one) for one in requests], NOW)


def _series(lines):
    """(name, dimensions) of every value."""
    return {
        (metric["Name"], tuple((name, line[name]) for name in dimensions))
        for line in lines
        for directive in line["_aws"]["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
        if metric["Name"] in line
    }


def _everything():
    models = [
        (model.id, model.provider)
        for model in load_catalogue().models
        if model.quality and not model.is_retired(NOW.date())
    ]
    ways = product(get_args(Task), get_args(Preference))
    return _lines(
        *(_answer(*models[0], task, preference) for task, preference in ways),
        *(_answer(*model, "chat", "cheap") for model in models),
        *(_failure(*model, "ProviderThrottled") for model in models),
        *(_failure(*models[0], name) for name in (*ERRORS_BY_NAME, "Sandbox.Timedout")),
        *({"error": _caught(name)} for name in ERRORS_BY_NAME),
    )


def _of_all_requests():
    """Every series that requests can leave, with a None for that of the whole service."""
    return {
        (name, *(dimensions[1:] or ((None, None),))[0])
        for name, dimensions in _series(_everything())
    }


def _by_functions(prod):
    """The cold starts of those that count them, what each met inside that catches it, and what all together
    count."""
    (of_all,) = (family.metrics for family in OF_FUNCTIONS if family.dimension is None)
    functions = prod.pipeline.resources("AWS::Lambda::Function").values()
    counted = [_counted_by(one["Handler"]) for one in functions]
    assert any(counted)
    return sum(counted) + len(of_all)


def _counted_by(handler):
    module = PROJECT.joinpath(*handler.split(".")[:-1]).with_suffix(".py").read_text("utf-8")
    is_state, is_api = "@state_handler" in module, "new_resolver(" in module
    return (is_state or "capture_cold_start_metric=True" in module) + (is_state or is_api)


def test_the_default_catalogue_stays_within_its_series(prod):
    of_requests = _of_all_requests()
    rate_limited = 1
    total = len(of_requests) + _by_functions(prod) + rate_limited
    assert total <= MOST_SERIES
    # As many as there are, so that one more shows here before it shows on a bill.
    of_models = [one for one in of_requests if one[1] == "model"]
    models = {model for _, _, model in of_models}
    assert len(of_models) == PER_MODEL * len(models)
    assert len(models) > 30
    text = OBSERVABILITY.read_text("utf-8")
    assert f"at most {MOST_SERIES} such series" in text
    beside = total - len(of_models)
    assert f"{PER_MODEL} for each model and {beside} beside them" in " ".join(text.split())
    assert f"so that {MOST_MODELS} models fit" in " ".join(text.split())
    assert beside + PER_MODEL * MOST_MODELS <= MOST_SERIES


def test_every_metric_of_the_table_is_emitted_and_no_other():
    found = {
        (name, dimensions[1][0] if len(dimensions) > 1 else None)
        for name, dimensions in _series(_everything())
    }
    assert found == {
        (name, family.dimension)
        for family in (*OF_REQUESTS, *OF_ATTEMPTS)
        for name in family.metrics
    }
    assert {name for name, _ in found} == set(UNITS)


def test_ids_are_fields_of_the_lines_and_never_dimensions():
    lines = _everything()
    allowed = {"service", "model", "provider", "task", "outcome", "model_preference"}
    assert {name for _, dimensions in _series(lines) for name, _ in dimensions} == allowed
    assert all({"request_id", "caller_id", "trace_id"} <= line.keys() for line in lines)


def test_a_line_is_one_event_in_cloudwatchs_format():
    request, attempt = _lines(_answer("gpt-4o", "openai", "chat", "cheap"))
    for line in (request, attempt):
        assert line["_aws"]["Timestamp"] == NOW.timestamp() * 1000
        for directive in line["_aws"]["CloudWatchMetrics"]:
            assert directive["Namespace"] == NAMESPACE
            assert all(one["Unit"] == UNITS[one["Name"]] for one in directive["Metrics"])
            assert all(name in line for one in directive["Dimensions"] for name in one)
    assert request["SavingsUsd"] == [-0.125]
    assert (request["LatencyMs"], request["InferenceMs"]) == ([900.0], [850.0])


def test_no_time_and_no_count_is_negative():
    later = (NOW.replace(hour=13)).isoformat()
    refused = _failure("gpt-4o", "openai", "ProviderThrottled") | {"started_at": later}
    lines = _lines(refused)
    shown = {name: line[name] for line in lines for name in line if name in UNITS}
    assert shown["LatencyMs"] == [0.0]
    assert all(value[0] >= 0 for name, value in shown.items() if name != "SavingsUsd")
