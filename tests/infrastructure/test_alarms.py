import json
import re
from pathlib import Path
from typing import Any

import pytest

from functions.shared.errors import ERRORS_BY_NAME, HTTP_STATUS
from stacks.compute import function_table
from stacks.compute.function_table import ProviderFunction
from tests.support.synthesized import StackTemplate, Stage, stages_with, synthesized
from tests.support.watched_series import invented, of_alarm, series

pytestmark = pytest.mark.xdist_group("synthesis")

ROOT = Path(__file__).parent.parent.parent
MOST_METRICS = 10
"""CloudWatch's limit for an alarm."""
RUNBOOK = ROOT / "docs" / "runbook.md"
SLUGS = (
    "success-rate",
    "slow-answers",
    "all-providers-failed",
    "provider-account",
    "dead-letters",
    "internal-errors",
    "unhandled-events",
    "late-figures",
    "function-throttles",
    "spend-per-hour",
    "hold-exceeded",
    "hold-assumed",
    "budget-unavailable",
    "spend-anomaly",
)


def alarms(stage: Stage) -> dict[str, dict[str, Any]]:
    """By the end of their names."""
    prefix = "llm-orchestrator-prod-"
    return {
        alarm["AlarmName"].removeprefix(prefix): alarm
        for alarm in stage.pipeline.resources("AWS::CloudWatch::Alarm").values()
    }


def test_these_alarms_are_there(prod: Stage) -> None:
    parts = ("internal-errors-2", "function-throttles-2")
    assert sorted(alarms(prod)) == sorted((*SLUGS, *parts))


def test_every_metric_of_an_alarm_is_one_that_somebody_emits(prod: Stage) -> None:
    watched = [one for alarm in alarms(prod).values() for one in of_alarm(alarm)]
    assert len(watched) > len(SLUGS)
    assert invented(watched) == []


def test_an_alarm_on_an_invented_metric_would_be_noticed() -> None:
    alarm = {"Namespace": "LlmOrchestrator", "MetricName": "Wishes"}
    assert invented(of_alarm(alarm)) == [series("LlmOrchestrator", "Wishes")]


def test_an_alarm_with_math_on_a_missing_metric_would_be_noticed() -> None:
    with pytest.raises(ValueError, match="needs"):
        list(of_alarm({"Metrics": [{"Id": "a", "Expression": "100 * errors"}]}))


def test_alarms_wait_for_outcomes_that_there_are(prod: Stage) -> None:
    outcomes = {
        value
        for alarm in alarms(prod).values()
        for one in of_alarm(alarm)
        for name, value in one.values
        if name == "outcome"
    }
    assert outcomes == {"all_providers_failed", "ProviderAuthFailed", "ProviderQuotaExhausted"}
    assert outcomes <= HTTP_STATUS.keys() | ERRORS_BY_NAME.keys()


def headings() -> dict[str, str]:
    """The runbook's anchors, as GitHub makes them, with the text below each."""
    parts = re.split(r"^## (.+)$", RUNBOOK.read_text("utf-8"), flags=re.MULTILINE)
    names = [title.strip().lower().replace(" ", "-") for title in parts[1::2]]
    return dict(zip(names, parts[2::2], strict=True))


@pytest.mark.parametrize("slug", SLUGS)
def test_an_alarm_says_what_it_means_and_where_it_stands_in_the_runbook(
    prod: Stage, slug: str
) -> None:
    sentence, _, anchor = alarms(prod)[slug]["AlarmDescription"].rpartition(" ")
    assert re.fullmatch(r"[A-Z][^.]+\.", sentence)
    assert anchor == f"docs/runbook.md#{slug}"
    part = headings()[slug]
    assert re.findall(r"^\*\*(.+?)\*\*", part, flags=re.MULTILINE) == ["Means:", "Look at:", "Do:"]


def test_the_runbook_tells_of_no_alarm_that_does_not_exist() -> None:
    assert sorted(headings()) == sorted(SLUGS)


@pytest.mark.parametrize("slug", SLUGS)
def test_no_traffic_is_no_alarm(prod: Stage, slug: str) -> None:
    assert alarms(prod)[slug]["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize("slug", SLUGS)
def test_the_topic_is_told_when_it_rings_and_when_it_is_over(prod: Stage, slug: str) -> None:
    (topic,) = prod.pipeline.resources("AWS::SNS::Topic")
    alarm = alarms(prod)[slug]
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]


def test_the_success_rate_rings_only_on_enough_requests(prod: Stage) -> None:
    alarm = alarms(prod)["success-rate"]
    expression = alarm["Metrics"][0]["Expression"]
    assert expression == "IF(requests >= 20, 100 * (1 - errors / requests), 100)"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 95)


def test_slow_answers_are_held_against_their_deadline(prod: Stage) -> None:
    alarm = alarms(prod)["slow-answers"]
    assert alarm["Threshold"] == 26_000 * 0.8
    assert alarm["ExtendedStatistic"] == "p99"
    assert "GenerateMachine" in alarm["Dimensions"][0]["Value"]["Ref"]


def summed(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics of an alarm that adds them up."""
    expression, *rows = alarm["Metrics"]
    assert expression["Expression"] == "SUM(METRICS())"
    return [row["MetricStat"]["Metric"] for row in rows]


def throttled(alarm: dict[str, Any]) -> list[str]:
    """The functions that an alarm on throttles watches."""
    return [metric["Dimensions"][0]["Value"]["Ref"] for metric in summed(alarm)]


def test_an_internal_error_rings_wherever_it_happens(prod: Stage) -> None:
    found = [alarm for name, alarm in alarms(prod).items() if name.startswith("internal-errors")]
    assert {(alarm["Threshold"], alarm["EvaluationPeriods"]) for alarm in found} == {(1, 1)}
    assert all(len(summed(alarm)) <= MOST_METRICS for alarm in found)
    inside, crashes, *errors = (metric for alarm in found for metric in summed(alarm))
    assert (inside["MetricName"], crashes["MetricName"]) == ("InternalErrors", "Crashes")
    assert len(inside["Dimensions"]) == len(crashes["Dimensions"]) == 1
    assert {metric["MetricName"] for metric in errors} == {"Errors"}
    functions = prod.pipeline.resources("AWS::Lambda::Function")
    # All but the authorizer and those on the way of a request, which raise what others go by.
    raising = called(prod.pipeline) - len({"RecordMetrics"}) + len({"Authorize"})
    assert len(errors) == len(functions) - raising


def test_an_alarm_watches_what_may_have_been_spent_as_well(prod: Stage) -> None:
    alarm = alarms(prod)["spend-per-hour"]
    names = {metric["MetricName"] for metric in summed(alarm)}
    assert names == {"CostUsd", "PossiblyBilledUsd"}
    assert {row["MetricStat"]["Period"] for row in alarm["Metrics"][1:]} == {3600}


def test_one_call_over_its_worst_case_rings(prod: Stage) -> None:
    alarm = alarms(prod)["hold-exceeded"]
    assert (alarm["MetricName"], alarm["Statistic"]) == ("HoldExceeded", "Sum")
    assert (alarm["Threshold"], alarm["Period"]) == (1, 300)


@pytest.mark.parametrize("metric", ["HoldAssumed", "BudgetUnavailable"])
def test_one_hold_that_did_not_go_as_it_should_rings(prod: Stage, metric: str) -> None:
    (alarm,) = (one for one in alarms(prod).values() if one.get("MetricName") == metric)
    assert (alarm["Statistic"], alarm["Threshold"], alarm["Period"]) == ("Sum", 1, 300)


def test_the_documentation_says_what_the_alarms_cost(prod: Stage) -> None:
    # The band and its two edges are billed as three: https://aws.amazon.com/cloudwatch/pricing/
    watched = sum(
        3 if name == "spend-anomaly" else len(list(of_alarm(alarm)))
        for name, alarm in alarms(prod).items()
    )
    text = " ".join((ROOT / "docs" / "observability.md").read_text("utf-8").split())
    assert f"{watched / 10:g} USD (they watch {watched} metrics)" in text


WATCHED = 11
"""Functions that requests wait for."""


def called(pipeline: StackTemplate) -> int:
    """How many functions requests wait for."""
    machine = pipeline.named("AWS::StepFunctions::StateMachine", "GenerateMachine")
    return len([name for name in machine["DefinitionSubstitutions"] if name.endswith("Arn")])


def test_throttles_of_all_functions_that_requests_wait_for_are_watched_once(prod: Stage) -> None:
    functions = [
        function
        for name in ("function-throttles", "function-throttles-2")
        for function in throttled(alarms(prod)[name])
    ]
    assert len(set(functions)) == len(functions) == called(prod.pipeline) == WATCHED


@pytest.mark.parametrize("more", [1, 2, 5, 12])
def test_with_more_providers_more_alarms_watch_for_throttles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    others = tuple(ProviderFunction(f"other_{number}") for number in range(more))
    rows = (*function_table.PROVIDER_FUNCTIONS, *others)
    monkeypatch.setattr(function_table, "PROVIDER_FUNCTIONS", rows)
    pipeline = synthesized("dev", tmp_path).pipeline
    found = {
        alarm["AlarmName"]: alarm
        for alarm in pipeline.resources("AWS::CloudWatch::Alarm").values()
        if "function-throttles" in alarm["AlarmName"]
    }
    watched = {name: throttled(alarm) for name, alarm in found.items()}
    assert all(0 < len(functions) <= MOST_METRICS for functions in watched.values())
    assert len(set().union(*watched.values())) == WATCHED + more
    names = [f"llm-orchestrator-dev-function-throttles{part}" for part in ("", "-2", "-3")]
    assert sorted(found) == names[: -(-(WATCHED + more) // MOST_METRICS)]
    for alarm in found.values():
        assert alarm["AlarmDescription"].endswith("docs/runbook.md#function-throttles")
        assert alarm["AlarmActions"]


def test_the_usual_spend_is_a_band(prod: Stage) -> None:
    alarm = alarms(prod)["spend-anomaly"]
    band = alarm["Metrics"][0]
    assert band["Expression"] == "ANOMALY_DETECTION_BAND(m0, 3)"
    assert alarm["ThresholdMetricId"] == band["Id"]
    assert alarm["ComparisonOperator"] == "GreaterThanUpperThreshold"


def test_only_cloudwatchs_alarms_of_the_account_may_publish(prod: Stage) -> None:
    (policy,) = prod.pipeline.resources("AWS::SNS::TopicPolicy").values()
    denied, allowed = policy["PolicyDocument"]["Statement"]
    assert denied["Effect"] == "Deny"
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert allowed["Effect"] == "Allow"
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"
    condition = allowed["Condition"]
    assert condition["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert "alarm:*" in json.dumps(condition["ArnLike"])


def test_thresholds_and_addresses_are_configuration(tmp_path: Path) -> None:
    stages = stages_with("dev", alarms={"success_rate_percent": 99, "spend_usd_per_hour": "2.5"})
    emails = "a@example.com,b@example.com"
    template = synthesized("dev", tmp_path, stages=stages, alarm_emails=emails).pipeline
    thresholds = {
        alarm["AlarmName"]: alarm.get("Threshold")
        for alarm in template.resources("AWS::CloudWatch::Alarm").values()
    }
    assert thresholds["llm-orchestrator-dev-success-rate"] == 99
    assert thresholds["llm-orchestrator-dev-spend-per-hour"] == 2.5
    subscribed = template.resources("AWS::SNS::Subscription").values()
    assert [(one["Protocol"], one["Endpoint"]) for one in subscribed] == [
        ("email", "a@example.com"),
        ("email", "b@example.com"),
    ]


def test_nobody_is_told_by_default(prod: Stage) -> None:
    assert prod.pipeline.resources("AWS::SNS::Subscription") == {}
