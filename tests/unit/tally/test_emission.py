import json
from datetime import UTC, datetime

import pytest

from functions.shared import errors
from functions.shared.caller import Caller
from functions.shared.contracts.states import FailedAttempt
from functions.shared.storage.request_log import unpacked
from functions.shared.telemetry.series import STEPS
from functions.tally.emission import lines_of as lines_of_row
from tests.support.builders import called, candidate, caught, decision, finished, profile, ranked
from tests.support.row_stream import item_of, metric_lines

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
WORST_CASE = 250_000_000


@pytest.fixture(autouse=True)
def _service(monkeypatch):
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "llm-orchestrator-test")


def lines_of(*raised, provider="openai", error=None):
    """Of a request whose attempts ended so; each is an error of ours, or the name of a foreign one."""
    told = [{"Error": one, "Cause": ""} if isinstance(one, str) else caught(one) for one in raised]
    failures = [
        FailedAttempt.model_validate({"candidate": candidate(provider=provider), "error": one})
        for one in told
    ]
    decided = decision(ranked(worst_case_cost_nano_usd=WORST_CASE))
    event = finished(failures=failures, decision=decided, error=error or told[-1])
    return metric_lines([event], NOW)


def test_the_lines_say_what_a_caller_is_called_where_that_was_recorded():
    error = caught(errors.AnswerUnfit("no JSON"))
    failures = [FailedAttempt.model_validate({"candidate": candidate(), "error": error})]
    named = finished(
        failures=failures,
        decision=decision(ranked()),
        error=error,
        profile=profile(caller=Caller(name="team-a")),
    )
    assert [line["caller"] for line in metric_lines([named], NOW)] == ["team-a"] * 2
    early = finished(error=caught(errors.InvalidRequest("x")), profile=None)
    assert [line.get("caller") for line in metric_lines([early], NOW)] == [None]


def test_calls_that_cost_more_than_their_worst_case_are_counted():
    over = called(errors.AnswerUnfit("no JSON"), cost_nano_usd=WORST_CASE + 1)
    held = called(errors.AnswerUnfit("no JSON"), cost_nano_usd=WORST_CASE)
    assert lines_of(held, over)[0]["HoldExceeded"] == [1.0]
    assert lines_of(held)[0]["HoldExceeded"] == [0.0]


@pytest.mark.parametrize(("provider", "counted"), [("openai", 1.0), ("local", 0.0)])
def test_a_usage_that_was_not_told_is_counted_by_provider(provider, counted):
    usage = {"input_tokens": 10, "output_tokens": 5, "estimated": True}
    _request, attempt = lines_of(
        called(errors.AnswerUnfit("no JSON"), usage=usage), provider=provider
    )
    assert attempt["EstimatedUsage"] == [counted]


@pytest.mark.parametrize(
    ("error", "by_outcome", "faults"),
    [
        (errors.ProviderUnavailable("x"), "ProviderUnavailable", 1),
        (errors.ProviderAuthFailed("x"), "ProviderAuthFailed", 1),
        (errors.AnswerUnfit("x"), "AnswerUnfit", 0),
        (errors.AnswerUnsure("x"), None, 0),
        (errors.ContentFiltered("x"), "ContentFiltered", 0),
        (errors.ContextWindowExceeded("x"), "ContextWindowExceeded", 0),
        (errors.InvalidRequest("x"), "InvalidRequest", 0),
        (errors.EngineError("x"), "other", 0),
        ("Runtime.ExitError", "other", 0),
    ],
)
def test_an_attempt_counts_as_a_providers_error_only_where_it_is_its_fault(
    error, by_outcome, faults
):
    _request, attempt = lines_of(error)
    assert attempt["AttemptErrors"] == [faults]
    # The line says so anyhow, for the query that counts why others were asked.
    assert attempt["outcome"] == (by_outcome or "AnswerUnsure")
    declared = [one["Dimensions"][0] for one in attempt["_aws"]["CloudWatchMetrics"]]
    assert (["service", "outcome"] in declared) == (by_outcome is not None)


TIMES = {"classify_ms": 1.5, "score_ms": 4.0, "claim_ms": 3.0, "awaited_ms": 2_000}
MINUTE = {"started_at": "2026-11-24T09:59:00.000Z", "ended_at": "2026-11-24T10:00:00.000Z"}
STEP_METRICS = [*STEPS.values()]


def slow(*raised, **changes):
    decided = decision(ranked())
    failures = [{"candidate": candidate(), "error": caught(one)} for one in raised]
    error = caught(raised[-1] if raised else errors.NoEligibleModel("x"))
    fields = MINUTE | {"failures": failures, "decision": decided, "error": error} | changes
    return metric_lines([finished(**fields)], NOW)[0]


def test_what_is_ours_of_a_latency_is_told_by_its_steps():
    call = called(errors.ProviderTimeout("x"), elapsed_ms=50_000, own_ms=2.25)
    line = slow(call, times=TIMES)
    assert line["LatencyMs"] == [60_000]
    assert line["OverheadMs"] == [8_000]
    assert [line[name] for name in STEP_METRICS] == [[1.5], [3], [4], [2.25], [7_989.25]]


def test_a_step_that_a_request_never_had_has_no_part_in_it():
    call = called(errors.ProviderTimeout("x"), elapsed_ms=50_000)
    assert "ClaimMs" not in slow(call, times=TIMES | {"claim_ms": None})
    # Nobody was asked: as with its latency, it would make the others look quick.
    assert not {"LatencyMs", "OverheadMs", *STEP_METRICS} & slow(times=TIMES).keys()


def test_a_request_of_an_earlier_version_has_an_overhead_without_its_steps():
    line = slow(called(errors.ProviderTimeout("x"), elapsed_ms=50_000))
    assert (line["OverheadMs"], {*STEP_METRICS} & line.keys()) == ([10_000], set())


def test_a_row_of_an_earlier_version_has_its_latency_alone():
    event = finished(**MINUTE, error=caught(errors.ProviderTimeout("x")))
    row = unpacked(item_of(event, NOW))
    new = {"provider_ms", "overhead_ms", "steps_ms"}
    attempt = {
        "model": "m",
        "provider": "p",
        "outcome": "success",
        "elapsed_ms": 9,
        "cost_nano_usd": 1,
    }
    old = {name: one for name, one in row.items() if name not in new} | {"attempts": [attempt]}
    line = json.loads(next(lines_of_row(old)))
    assert line["LatencyMs"] == [60_000]
    assert not {"OverheadMs", *STEP_METRICS} & line.keys()


CRASH = {"Error": "Sandbox.Timedout", "Cause": ""}


@pytest.mark.parametrize(
    ("raised", "error", "crashes"),
    [
        (["Runtime.ExitError"], None, 1),
        (["Runtime.ExitError", "Lambda.Unknown"], None, 2),
        ([errors.ProviderTimeout("x")], CRASH, 1),
        ([], CRASH, 1),
        ([errors.EngineError("x")], None, 0),
        ([errors.ProviderTimeout("x")], None, 0),
        (["Lambda.TooManyRequestsException"], None, 0),
    ],
)
def test_what_no_code_of_ours_outlived_is_counted_as_a_crash(raised, error, crashes):
    assert lines_of(*raised, error=error)[0]["Crashes"] == [crashes]
