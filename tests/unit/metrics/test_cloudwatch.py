from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from botocore.exceptions import ClientError

from functions.metrics import cloudwatch
from functions.metrics.cloudwatch import Figure, read_figures
from functions.metrics.models import model_metrics, provider_metrics
from functions.metrics.summary import summary
from functions.metrics.window import Window
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.decision import ModelHealth
from functions.shared.errors import EngineError, NotFound, ServiceUnavailable
from functions.shared.policy.provider_choice import ProviderChoice
from functions.shared.telemetry.series import STEPS
from functions.shared.vocabulary import BUILT_IN_PROVIDERS
from tests.support.figures import SERVICE_NAME, FakeCloudWatch

NOW = datetime(2026, 11, 24, 10, 20, 30, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
WINDOW = Window.before(NOW, "1h")
MODEL, OTHER = "gpt-4o-mini", "gpt-4o"
NO_PERCENTILES = {"p50": None, "p95": None, "p99": None}
CHOICE = ProviderChoice(frozenset({"openai", "local"}), "auto")


@pytest.fixture
def measured(monkeypatch):
    fake = FakeCloudWatch()
    monkeypatch.setattr(cloudwatch, "client", lambda _: fake)
    return fake


def _summary():
    return summary(SERVICE_NAME, WINDOW).to_json()


def _model(model=MODEL, health=None):
    return model_metrics(model, SERVICE_NAME, WINDOW, health, NOW).to_json()


def _providers(health=None, choice=CHOICE):
    told = provider_metrics(SERVICE_NAME, WINDOW, choice, health, NOW).to_json()
    return {one["provider"]: one for one in told["data"]}


def test_without_data_a_summary_is_zeros_and_nulls(measured):
    assert _summary() == {
        "window": "1h",
        "from": "2026-11-24T09:20:00.000Z",
        "to": "2026-11-24T10:21:00.000Z",
        "requests": {"total": 0, "successful": 0, "failed": 0, "rejected": 0, "errors": 0},
        "latency_ms": NO_PERCENTILES,
        "overhead_ms": NO_PERCENTILES,
        "steps_ms": dict.fromkeys(STEPS, NO_PERCENTILES),
        "costs": {
            **{"total_usd": 0, "savings_usd": 0, "by_model": {}},
            **{"possibly_billed_usd": 0, "simulated_cost_usd": 0},
        },
        "cache": {"hits": 0, "hit_rate": 0},
        "fallbacks": 0,
    }


def test_a_summary_says_each_figure_as_it_was_measured(measured):
    measured.points = {
        ("Requests", "Sum"): 12.0,
        ("Requests", "Sum", "outcome", "success"): 9.0,
        ("Errors", "Sum"): 1.0,
        ("Fallbacks", "Sum"): 4.0,
        ("CostUsd", "Sum"): 0.3,
        ("SavingsUsd", "Sum"): 1.2000000000000002,
        ("LatencyMs", "p50"): 812.3456,
        ("LatencyMs", "p95"): 2_000.0,
        ("LatencyMs", "p99"): 2_500.0,
        ("OverheadMs", "p50"): 81.0,
        ("TransitMs", "p95"): 70.126,
        ("CostUsd", "Sum", "model", MODEL): 0.1,
        ("CostUsd", "Sum", "model", OTHER): 0.2,
    }
    told = _summary()
    assert told["requests"] == {
        "total": 12, "successful": 9, "failed": 3, "rejected": 2, "errors": 1,
    }  # fmt: skip
    assert told["latency_ms"] == {"p50": 812.35, "p95": 2_000, "p99": 2_500}
    assert told["overhead_ms"] == NO_PERCENTILES | {"p50": 81}
    assert told["steps_ms"] == {
        **dict.fromkeys(STEPS, NO_PERCENTILES),
        "transit": NO_PERCENTILES | {"p95": 70.13},
    }
    assert told["costs"] == {
        "total_usd": 0.3,
        "savings_usd": 1.2,
        **{"possibly_billed_usd": 0, "simulated_cost_usd": 0},
        "by_model": {MODEL: 0.1, OTHER: 0.2},
    }
    assert told["fallbacks"] == 4


def test_a_model_that_was_asked_for_nothing_is_in_the_costs_and_no_other(measured):
    measured.points = {
        ("CostUsd", "Sum", "model", "local-sentiment"): 0.0,
        ("CostUsd", "Sum", "model", OTHER): [],
    }
    assert _summary()["costs"]["by_model"] == {"local-sentiment": 0}


def test_a_summary_is_one_call_for_the_window_with_one_period_that_holds_it(measured):
    _summary()
    [call] = measured.calls
    assert (call["StartTime"], call["EndTime"]) == (WINDOW.start, WINDOW.end)
    stats = [query["MetricStat"] for query in call["MetricDataQueries"]]
    assert {one["Period"] for one in stats} == {WINDOW.period_s}
    assert len({query["Id"] for query in call["MetricDataQueries"]}) == len(stats)
    assert len({str(one) for one in stats}) == len(stats)


def test_figures_of_several_pages_and_several_calls_are_all_read(measured):
    figures = [Figure("CostUsd", ("model", f"m{number}")) for number in range(1_100)]
    measured.points = {
        ("CostUsd", "Sum", *figure.dimension): float(number)
        for number, figure in enumerate(figures)
    }
    found = read_figures([*figures, *figures], SERVICE_NAME, WINDOW)
    assert [len(call["MetricDataQueries"]) for call in measured.calls] == [500, 500, 100]
    assert [found.usd("CostUsd", figure.dimension) for figure in figures] == list(range(1_100))


def test_sums_of_several_datapoints_add_up_and_of_percentiles_the_worst_one_counts(measured):
    measured.points = {
        ("Requests", "Sum"): [3.0, 4.0],
        ("CostUsd", "Sum"): [0.1, 0.2],
        ("LatencyMs", "p50"): [900.0, 700.0],
    }
    told = _summary()
    assert told["requests"]["total"] == 7
    assert told["costs"]["total_usd"] == 0.3
    assert told["latency_ms"]["p50"] == 900


@pytest.mark.parametrize("code", ["Throttling", "AccessDenied"])
def test_a_refusal_is_handed_on(measured, code):
    measured.refusal = code
    with pytest.raises(ClientError, match=code):
        _summary()


def test_a_figure_that_cloudwatch_could_not_read_is_no_zero(measured):
    measured.status = "InternalError"
    with pytest.raises(ServiceUnavailable):
        _summary()
    measured.status = "Forbidden"
    with pytest.raises(EngineError, match="would not read"):
        _summary()


def test_a_model_that_was_never_asked_has_no_rate_and_no_latency(measured):
    told = _model()
    assert (told["attempts"], told["errors"], told["cost_usd"]) == (0, 0, 0)
    assert (told["success_rate"], told["latency_ms"]) == (None, NO_PERCENTILES)
    assert told["health"] is None


def test_the_sample_count_of_a_models_errors_is_its_attempts(measured):
    measured.points = {
        ("AttemptErrors", "SampleCount", "model", MODEL): 8.0,
        ("AttemptErrors", "Sum", "model", MODEL): 2.0,
        ("AttemptErrors", "SampleCount", "model", OTHER): 99.0,
        ("InferenceMs", "p99", "model", MODEL): 640.0,
        ("CostUsd", "Sum", "model", MODEL): 0.000000001,
    }
    told = _model(health={MODEL: ModelHealth(ok=6, faults=2)})
    assert (told["provider"], told["attempts"], told["errors"]) == ("openai", 8, 2)
    assert told["success_rate"] == 0.75
    assert told["latency_ms"] == {"p50": None, "p95": None, "p99": 640}
    assert told["cost_usd"] == 0.000000001
    assert (told["health"]["recent_attempts"], told["health"]["circuit"]) == (8, "closed")


def test_a_model_says_when_it_retires(measured):
    retiring = next(model for model in load_catalogue().models if model.retires_on)
    assert date.fromisoformat(_model(retiring.id)["retires_on"]) == retiring.retires_on


def test_a_model_that_is_not_in_the_catalogue_is_not_found_and_not_looked_up(measured):
    with pytest.raises(NotFound):
        _model("gpt-99")
    assert measured.calls == []


def test_every_provider_is_listed_with_what_is_set_up_for_it(measured):
    told = _providers(health={})
    assert told.keys() == {*BUILT_IN_PROVIDERS}
    assert [name for name, one in told.items() if one["configured"]] == ["openai", "local"]
    assert [name for name, one in told.items() if one["mock"]] == [
        "azure_openai",
        "anthropic",
        "bedrock",
        "gemini",
    ]
    for one in told.values():
        assert (one["attempts"], one["success_rate"], one["latency_ms"]) == (
            0,
            None,
            NO_PERCENTILES,
        )
        assert (one["availability"], one["circuit"], one["last_error"]) == (1, "closed", None)


def test_a_provider_shows_its_attempts_its_circuit_and_its_last_error(measured):
    measured.points = {
        ("AttemptErrors", "SampleCount", "provider", "openai"): 10.0,
        ("AttemptErrors", "Sum", "provider", "openai"): 4.0,
        ("Throttles", "Sum", "provider", "openai"): 3.0,
        ("InferenceMs", "p50", "provider", "openai"): 500.0,
    }
    health = {
        "openai": ModelHealth(blocked_at_ms=NOW_MS, last_error=f"{NOW_MS} ProviderAuthFailed"),
        MODEL: ModelHealth(ok=6, throttles=3),
        OTHER: ModelHealth(faults=1),
    }
    told = _providers(health)["openai"]
    assert (told["attempts"], told["errors"], told["throttles"]) == (10, 4, 3)
    assert (told["success_rate"], told["latency_ms"]["p50"]) == (0.6, 500)
    assert told["last_error"] == {
        "error": "ProviderAuthFailed",
        "recorded_at": "2026-11-24T10:20:30.000Z",
    }
    assert told["circuit"] == "open"
    assert told["availability"] == 0.8


def test_health_that_cannot_be_read_is_null_and_hides_no_figure(measured):
    measured.points = {("AttemptErrors", "SampleCount", "provider", "openai"): 10.0}
    told = _providers(health=None)["openai"]
    assert told["attempts"] == 10
    assert (told["availability"], told["circuit"], told["last_error"]) == (None, None, None)


def test_dollars_are_exact_to_the_nano_dollar(measured):
    measured.points = {("CostUsd", "Sum"): sum([0.000000001] * 1_000) + 0.1 + 0.2}
    found = read_figures([Figure("CostUsd")], SERVICE_NAME, WINDOW)
    assert found.usd("CostUsd") == Decimal("0.300001000")
