"""The alarms of a stage: one table, and the topic that tells of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aws_cdk import ArnFormat, Aws, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from functions.shared.telemetry.series import BUDGET_UNAVAILABLE, HOLD_ASSUMED, INTERNAL_ERRORS
from stacks.config import Alarms, StageConfig
from stacks.monitoring.metric_catalog import MAXIMUM, SUM, MetricCatalog
from stacks.monitoring.monitored_resources import MonitoredResources
from stacks.security import acknowledge

RUNBOOK = "docs/runbook.md"
_MOST_METRICS = 10
"""CloudWatch's limit on the metrics of an alarm, which takes no SEARCH either."""
_FIVE_MINUTES = Duration.minutes(5)
_HOUR = Duration.hours(1)
_COMPARISON = cloudwatch.ComparisonOperator


@dataclass(frozen=True)
class AlarmRow:
    """An alarm rings after `periods` datapoints of its metric over the threshold."""

    title: str
    means: str
    """One sentence for who is woken up."""
    metric: cloudwatch.IMetric
    threshold: float
    comparison: cloudwatch.ComparisonOperator = _COMPARISON.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
    periods: int = 1
    part: int = 1
    """Of what is too much for one alarm; all parts have one paragraph in the runbook."""

    @property
    def slug(self) -> str:
        """Its place in the runbook."""
        return self.title.lower().replace(" ", "-")

    @property
    def name(self) -> str:
        """The end of its name in the account."""
        return self.slug if self.part == 1 else f"{self.slug}-{self.part}"


def add_alarm_topic(scope: Construct, config: StageConfig) -> sns.Topic:
    """Which the stage's alarms tell, and its sweeper of budgets that are used."""
    topic = sns.Topic(
        scope, "AlarmTopic", display_name=f"Alarms of {config.service}", enforce_ssl=True
    )
    acknowledge(
        topic,
        "SNS2",
        "CloudWatch cannot publish through AWS's own key, one of the account costs 1 USD a"
        " month, and the text of an alarm holds no content.",
    )
    alarms_arn = Stack.of(scope).format_arn(
        service="cloudwatch",
        resource="alarm",
        resource_name="*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    # A topic with a policy of its own has lost the one that lets the account's alarms in.
    topic.grant_publish(
        iam.ServicePrincipal(
            "cloudwatch.amazonaws.com",
            conditions={
                "ArnLike": {"aws:SourceArn": alarms_arn},
                "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
            },
        )
    )
    for email in config.alarm_emails:
        topic.add_subscription(subscriptions.EmailSubscription(email))
    return topic


class AlarmSet(Construct):
    """No traffic rings no alarm: each of them counts missing data as good."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: StageConfig,
        metrics: MetricCatalog,
        monitored: MonitoredResources,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self._service = metrics.service
        rows = (
            *_answer_alarms(config, metrics, monitored),
            *_platform_alarms(metrics, monitored),
            *_money_alarms(config.alarms, metrics),
        )
        self.alarms: list[cloudwatch.AlarmBase] = [self._add_alarm(row) for row in rows]
        self.alarms.append(self._add_anomaly_alarm(config.alarms, metrics))
        action = actions.SnsAction(topic)
        for alarm in self.alarms:
            alarm.add_alarm_action(action)
            alarm.add_ok_action(action)

    def _add_alarm(self, row: AlarmRow) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            row.name.title().replace("-", ""),
            alarm_name=f"{self._service}-{row.name}",
            alarm_description=_description(row.means, row.slug),
            metric=row.metric,
            threshold=row.threshold,
            comparison_operator=row.comparison,
            evaluation_periods=row.periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _add_anomaly_alarm(
        self, thresholds: Alarms, metrics: MetricCatalog
    ) -> cloudwatch.AnomalyDetectionAlarm:
        slug = "spend-anomaly"
        return cloudwatch.AnomalyDetectionAlarm(
            self,
            "SpendAnomaly",
            alarm_name=f"{self._service}-{slug}",
            alarm_description=_description(
                "The models cost far more than they usually do at this hour.", slug
            ),
            metric=metrics.metric("CostUsd", period=_HOUR),
            std_devs=thresholds.spend_deviations,
            comparison_operator=_COMPARISON.GREATER_THAN_UPPER_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )


def _answer_alarms(
    config: StageConfig, metrics: MetricCatalog, monitored: MonitoredResources
) -> Iterator[AlarmRow]:
    thresholds = config.alarms
    yield AlarmRow(
        "Success rate",
        "Too many requests fail for reasons that are not their callers' fault.",
        _success_rate(thresholds.success_rate_requests, metrics),
        thresholds.success_rate_percent,
        _COMPARISON.LESS_THAN_THRESHOLD,
    )
    yield AlarmRow(
        "Slow answers",
        "The slowest of a hundred synchronous requests come close to their deadline.",
        monitored.sync_machine.metric_time(statistic="p99", period=_FIVE_MINUTES),
        config.deadlines.sync_ms * thresholds.deadline_percent / 100,
        periods=3,
    )
    yield AlarmRow(
        "All providers failed",
        "Requests failed because no provider answered them.",
        metrics.metric(
            "Requests", dimension=("outcome", "all_providers_failed"), period=_FIVE_MINUTES
        ),
        thresholds.all_providers_failed,
    )


def _platform_alarms(metrics: MetricCatalog, monitored: MonitoredResources) -> Iterator[AlarmRow]:
    yield AlarmRow(
        "Provider account",
        "A provider refuses our key, or our account with it is used up.",
        _sum_of(
            metrics.metric("AttemptErrors", dimension=("outcome", outcome))
            for outcome in ("ProviderAuthFailed", "ProviderQuotaExhausted")
        ),
        1,
    )
    yield AlarmRow(
        "Dead letters",
        "Records of finished requests could not be stored and wait for a replay.",
        monitored.dead_letter_queue.metric_approximate_number_of_messages_visible(
            statistic=MAXIMUM, period=_FIVE_MINUTES
        ),
        1,
    )
    yield AlarmRow(
        "Unhandled events",
        "Rows could not be counted in metrics and spend, or stopped jobs not be recorded.",
        monitored.event_dead_letter_queue.metric_approximate_number_of_messages_visible(
            statistic=MAXIMUM, period=_FIVE_MINUTES
        ),
        1,
    )
    yield AlarmRow(
        "Late figures",
        "Metrics and spend stand still, and with them whatever other alarms look at.",
        monitored.functions["Tally"].function.metric_errors(statistic=SUM, period=_FIVE_MINUTES),
        1,
        periods=3,
    )
    yield from _in_parts(
        "Internal errors",
        "The engine itself failed: a function met what it should not have, or did not outlive it.",
        [
            metrics.metric(INTERNAL_ERRORS),
            metrics.metric("Crashes"),
            *(
                one.function.metric_errors(statistic=SUM)
                for one in monitored.without_expected_errors.values()
            ),
        ],
    )
    yield from _in_parts(
        "Function throttles",
        "Lambda refuses to run functions that requests wait for.",
        [
            one.function.metric_throttles(statistic=SUM)
            for one in monitored.functions.values()
            if one.on_path
        ],
        periods=2,
    )


def _in_parts(
    title: str, means: str, metrics: Sequence[cloudwatch.Metric], *, periods: int = 1
) -> Iterator[AlarmRow]:
    """On any of more metrics than one alarm can watch."""
    for part, at in enumerate(range(0, len(metrics), _MOST_METRICS), start=1):
        watched = _sum_of(metrics[at : at + _MOST_METRICS])
        yield AlarmRow(title, means, watched, 1, periods=periods, part=part)


def _money_alarms(thresholds: Alarms, metrics: MetricCatalog) -> Iterator[AlarmRow]:
    yield AlarmRow(
        "Spend per hour",
        "The models cost, or may have cost, more in an hour than the stage is meant to.",
        _sum_of((metrics.metric(name) for name in ("CostUsd", "PossiblyBilledUsd")), _HOUR),
        float(thresholds.spend_usd_per_hour),
        _COMPARISON.GREATER_THAN_THRESHOLD,
    )
    yield AlarmRow(
        "Hold exceeded",
        "A call cost more than the worst case that it was let through with.",
        metrics.metric("HoldExceeded", period=_FIVE_MINUTES),
        1,
    )
    yield AlarmRow(
        "Hold assumed",
        "Nobody knows what became of a call, and its budget was charged all that it could have cost.",
        metrics.metric(HOLD_ASSUMED, period=_FIVE_MINUTES),
        1,
    )
    yield AlarmRow(
        "Budget unavailable",
        "Budgets could not be read or written, so that nothing was called that costs anything.",
        metrics.metric(BUDGET_UNAVAILABLE, period=_FIVE_MINUTES),
        1,
    )


def _success_rate(least_requests: int, metrics: MetricCatalog) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression=f"IF(requests >= {least_requests}, 100 * (1 - errors / requests), 100)",
        using_metrics={"requests": metrics.metric("Requests"), "errors": metrics.metric("Errors")},
        label="Success rate",
        period=_FIVE_MINUTES,
    )


def _sum_of(
    metrics: Iterable[cloudwatch.Metric], period: Duration = _FIVE_MINUTES
) -> cloudwatch.MathExpression:
    # Unlike a plus, this adds up what is there when some of the series have no datapoint.
    return cloudwatch.MathExpression(
        expression="SUM(METRICS())",
        using_metrics={f"m{number}": one for number, one in enumerate(metrics, start=1)},
        label="Sum",
        period=period,
    )


def _description(means: str, slug: str) -> str:
    return f"{means} {RUNBOOK}#{slug}"
