"""The dashboard of a stage: what callers get on top, what the platform does below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from functions.shared.catalogue.models import load_catalogue
from functions.shared.policy.provider_choice import ProviderChoice
from stacks.compute.function_table import SYNC_DEADLINE_MS
from stacks.config import StageConfig
from stacks.monitoring.metric_catalog import AVERAGE, COUNT, MAXIMUM, SUM, Dimension, MetricCatalog
from stacks.monitoring.monitored_resources import MonitoredResources
from stacks.monitoring.queries import LAST_FAILURES
from stacks.monitoring.widgets import (
    BLUE,
    FULL_WIDTH,
    GREEN,
    ORANGE,
    PURPLE,
    QUARTER,
    RED,
    SKY,
    THIRD,
    graph,
    heading,
    numbers,
    shares,
)

Row = Sequence[cloudwatch.IWidget]

_WITHOUT_POWERTOOLS = frozenset({"Console"})
"""Functions that nobody counts the cold starts of."""
_USD_PER_HOUR = "USD per hour"
_MS = "Milliseconds"
_PERCENTILES = (("p50", SKY), ("p95", ORANGE), ("p99", RED))
_STATUSES = (
    ("ExecutionsSucceeded", GREEN),
    ("ExecutionsFailed", RED),
    ("ExecutionsTimedOut", ORANGE),
    ("ExecutionsAborted", SKY),
    ("ExecutionThrottled", PURPLE),
)


@dataclass(frozen=True)
class Sources:
    """What the sections draw from."""

    config: StageConfig
    metric_catalog: MetricCatalog
    monitored: MonitoredResources
    alarms: Sequence[cloudwatch.AlarmBase]

    def percentiles(
        self, metric: str, dimension: Dimension | None = None
    ) -> list[cloudwatch.Metric]:
        return [
            self.metric_catalog.metric(metric, stat, dimension=dimension, label=stat, color=color)
            for stat, color in _PERCENTILES
        ]


def _alarms(sources: Sources) -> Iterable[Row]:
    yield [
        cloudwatch.AlarmStatusWidget(
            title="Alarms", alarms=sources.alarms, width=FULL_WIDTH, height=4
        )
    ]


def _business(sources: Sources) -> Iterable[Row]:
    metric_catalog = sources.metric_catalog
    requests = metric_catalog.metric("Requests", label="Requests", color=BLUE)
    errors = metric_catalog.metric("Errors", label="Not the caller's fault", color=RED)
    latency = sources.percentiles("LatencyMs")
    success = _success_rate(metric_catalog)
    cost = _per_hour(metric_catalog.metric("CostUsd"), "Cost", BLUE)
    savings = _per_hour(metric_catalog.metric("SavingsUsd"), "Savings", GREEN)
    yield [
        numbers("Requests", [requests]),
        numbers("Failed", [_failed(metric_catalog)], width=2),
        numbers(
            "Fallbacks",
            [metric_catalog.metric("Fallbacks", label="Fallbacks", color=ORANGE)],
            width=2,
        ),
        numbers("Success rate (%)", [success]),
        numbers("Latency (ms)", latency, width=5),
        numbers(
            "Cost (USD)", [metric_catalog.metric("CostUsd", label="Cost", color=BLUE)], exact=True
        ),
        numbers("Cost (USD per hour)", [cost]),
        numbers(
            "Savings (USD)",
            [metric_catalog.metric("SavingsUsd", label="Savings", color=GREEN)],
            exact=True,
        ),
    ]
    yield [
        graph("Requests and errors", "Requests", [requests, errors]),
        graph(
            "Success rate",
            "Percent",
            [success, _success_rate_of_ours(requests, errors)],
            most=100,
            marks=[_mark("Alarm", sources.config.alarms.success_rate_percent)],
        ),
        graph("Latency", _MS, latency),
    ]
    yield [
        graph(
            "Cost",
            _USD_PER_HOUR,
            [cost],
            marks=[_mark("Alarm", float(sources.config.alarms.spend_usd_per_hour))],
        ),
        graph("Savings against the dearest alternative", _USD_PER_HOUR, [savings]),
        graph(
            "Tokens",
            "Tokens",
            [
                metric_catalog.metric("InputTokens", label="Input", color=SKY),
                metric_catalog.metric("OutputTokens", label="Output", color=BLUE),
            ],
            stacked=True,
        ),
    ]


def _routing(sources: Sources) -> Iterable[Row]:
    metric_catalog = sources.metric_catalog
    yield [
        shares("Answers by model", "Attempts", metric_catalog.by("model", "InferenceMs", COUNT)),
        shares("Requests by task", "Requests", metric_catalog.by("task", "Requests")),
        shares(
            "Requests by preference", "Requests", metric_catalog.by("model_preference", "Requests")
        ),
    ]
    yield [
        graph(
            "Fallbacks over time",
            "Attempts",
            [metric_catalog.metric("Fallbacks", label="Fallbacks", color=ORANGE)],
        ),
        graph(
            "Failed attempts by reason",
            "Attempts",
            [metric_catalog.by("outcome", "AttemptErrors")],
            stacked=True,
        ),
        graph(
            "Requests by outcome",
            "Requests",
            [metric_catalog.by("outcome", "Requests")],
            stacked=True,
        ),
    ]


def _providers(sources: Sources) -> Iterable[Row]:
    metric_catalog = sources.metric_catalog
    yield [
        graph(f"Provider latency {stat}", _MS, [metric_catalog.by("provider", "InferenceMs", stat)])
        for stat in ("p50", "p95")
    ] + [
        graph(
            "Provider error rate",
            "Errors per attempt",
            [metric_catalog.by("provider", "AttemptErrors", AVERAGE)],
            most=1,
        )
    ]
    yield [
        graph("Provider throttles", "Attempts", [metric_catalog.by("provider", "Throttles")]),
        _custom("Circuits", "circuits", sources, width=FULL_WIDTH - THIRD),
    ]


def _one_model(sources: Sources) -> Iterable[Row]:
    metric_catalog, model = sources.metric_catalog, ("model", _models(sources.config)[0])
    yield [
        graph(
            "Model: attempts and errors",
            "Attempts",
            [
                metric_catalog.metric(
                    "AttemptErrors", COUNT, label="Attempts", color=BLUE, dimension=model
                ),
                metric_catalog.metric("AttemptErrors", label="Errors", color=RED, dimension=model),
            ],
        ),
        graph("Model: latency", _MS, sources.percentiles("InferenceMs", model)),
        graph(
            "Model: cost",
            _USD_PER_HOUR,
            [_per_hour(metric_catalog.metric("CostUsd", dimension=model), "Cost", BLUE)],
        ),
    ]


def _platform(sources: Sources) -> Iterable[Row]:
    monitored = sources.monitored
    yield [
        *(
            graph(
                f"Executions: {name}",
                "Executions",
                [
                    machine.metric(metric, statistic=SUM, label=_status_label(metric), color=color)
                    for metric, color in _STATUSES
                ],
                stacked=True,
            )
            for name, machine in monitored.machines.items()
        ),
        graph(
            "Execution time p99",
            _MS,
            [
                machine.metric_time(statistic="p99", label=name)
                for name, machine in monitored.machines.items()
            ],
            marks=[_mark("Deadline of Generate", SYNC_DEADLINE_MS)],
        ),
    ]
    yield [
        _by_function("Function duration p95", _MS, "Duration", "p95", monitored),
        _by_function("Function errors", "Invocations", "Errors", SUM, monitored),
        _by_function("Function throttles", "Invocations", "Throttles", SUM, monitored),
    ]
    yield [
        _by_function(
            "Function concurrency", "Invocations", "ConcurrentExecutions", MAXIMUM, monitored
        ),
        graph(
            "Cold starts",
            "Invocations",
            [
                sources.metric_catalog.cold_starts(one.function.function_name, label=name)
                for name, one in monitored.functions.items()
                if name not in _WITHOUT_POWERTOOLS
            ],
            stacked=True,
        ),
        graph(
            "Table throttles",
            "Events",
            [
                table.metric(
                    f"{kind}ThrottleEvents", statistic=SUM, label=f"{name}: {kind.lower()}s"
                )
                for name, table in monitored.tables.items()
                for kind in ("Read", "Write")
            ],
        ),
    ]
    yield list(_gateway(sources))


def _gateway(sources: Sources) -> Row:
    gateway = sources.monitored.gateway_stage
    queue = sources.monitored.dead_letter_queue
    return [
        graph(
            "Gateway calls",
            "Calls",
            [
                gateway.metric_count(label="All", color=BLUE),
                gateway.metric_client_error(statistic=SUM, label="4xx", color=ORANGE),
                gateway.metric_server_error(statistic=SUM, label="5xx", color=RED),
            ],
            width=QUARTER,
        ),
        graph(
            "Gateway latency",
            _MS,
            [
                gateway.metric_latency(statistic=stat, label=stat, color=color)
                for stat, color in _PERCENTILES
            ],
            width=QUARTER,
        ),
        graph(
            "Throttled calls", "Calls", [sources.metric_catalog.rate_limited(ORANGE)], width=QUARTER
        ),
        graph(
            "Dead letters",
            "Messages",
            [
                queue.metric_approximate_number_of_messages_visible(
                    statistic=MAXIMUM, label="Waiting", color=RED
                )
            ],
            width=QUARTER,
        ),
    ]


def _upkeep(sources: Sources) -> Iterable[Row]:
    yield [
        _custom("Models that retire within 60 days", "retiring_models", sources, width=THIRD),
        cloudwatch.LogQueryWidget(
            title="Last failures",
            log_group_names=[
                group.log_group_name for group in LAST_FAILURES.log_groups(sources.monitored)
            ],
            query_string=LAST_FAILURES.query.to_string(),
            view=cloudwatch.LogQueryVisualizationType.TABLE,
            width=FULL_WIDTH - THIRD,
            height=6,
        ),
    ]


Section = Callable[[Sources], Iterable[Row]]

SECTIONS: tuple[tuple[str, Section], ...] = (
    ("Alarms", _alarms),
    ("What callers get", _business),
    # Budgets and the response cache go here.
    ("Routing", _routing),
    ("Providers", _providers),
    ("One model, chosen above", _one_model),
    ("Platform", _platform),
    ("Upkeep", _upkeep),
)


def add_dashboard(
    scope: Construct,
    config: StageConfig,
    metric_catalog: MetricCatalog,
    monitored: MonitoredResources,
    alarms: Sequence[cloudwatch.AlarmBase],
) -> None:
    """Add the stage's only dashboard."""
    sources = Sources(config, metric_catalog, monitored, alarms)
    cloudwatch.Dashboard(
        scope,
        "Dashboard",
        dashboard_name=metric_catalog.service,
        default_interval=Duration.hours(3),
        period_override=cloudwatch.PeriodOverride.AUTO,
        variables=[_model_variable(_models(config))],
        widgets=[
            row for title, section in SECTIONS for row in ([heading(title)], *section(sources))
        ],
    )


def _models(config: StageConfig) -> list[str]:
    """The models that the stage may route to on its own."""
    choice = ProviderChoice(frozenset(config.providers_configured), config.mock_providers)
    today = datetime.now(UTC).date()
    return [
        model.id
        for model in load_catalogue().models
        if model.quality
        and not model.is_retired(today)
        and choice.answered_by(model.provider, pinned=False)
    ]


def _model_variable(models: Sequence[str]) -> cloudwatch.DashboardVariable:
    """Sets the dimension `model` wherever it has a value, which is in one section only."""
    return cloudwatch.DashboardVariable(
        id="model",
        label="Model",
        type=cloudwatch.VariableType.PROPERTY,
        value="model",
        input_type=cloudwatch.VariableInputType.SELECT,
        values=cloudwatch.Values.from_values(
            *(cloudwatch.VariableValue(value=model, label=model) for model in models)
        ),
        default_value=cloudwatch.DefaultValue.value(models[0]),
    )


def _all_and_answered(metric_catalog: MetricCatalog) -> dict[str, cloudwatch.IMetric]:
    return {
        "requests": metric_catalog.metric("Requests"),
        "success": metric_catalog.metric("Requests", dimension=("outcome", "success")),
    }


def _failed(metric_catalog: MetricCatalog) -> cloudwatch.MathExpression:
    """As the metrics API counts them: also those that fail by the caller's fault."""
    return cloudwatch.MathExpression(
        expression="requests - FILL(success, 0)",
        using_metrics=_all_and_answered(metric_catalog),
        label="Failed",
        color=RED,
    )


def _success_rate(metric_catalog: MetricCatalog) -> cloudwatch.MathExpression:
    # Without FILL a minute in which every request failed would have no rate, instead of zero.
    return cloudwatch.MathExpression(
        expression="100 * FILL(success, 0) / requests",
        using_metrics=_all_and_answered(metric_catalog),
        label="Success rate",
        color=BLUE,
    )


def _success_rate_of_ours(
    requests: cloudwatch.Metric, errors: cloudwatch.Metric
) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression="100 * (1 - errors / total)",
        using_metrics={"total": requests, "errors": errors},
        label="Without callers' faults",
        color=GREEN,
    )


def _per_hour(metric: cloudwatch.Metric, label: str, color: str) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression="usd * 3600 / PERIOD(usd)",
        using_metrics={"usd": metric},
        label=label,
        color=color,
    )


def _by_function(
    title: str, unit: str, metric: str, stat: str, monitored: MonitoredResources
) -> cloudwatch.IWidget:
    return graph(
        title,
        unit,
        [
            one.function.metric(metric, statistic=stat, label=name)
            for name, one in monitored.functions.items()
        ],
    )


def _custom(title: str, widget: str, sources: Sources, *, width: int) -> cloudwatch.IWidget:
    return cloudwatch.CustomWidget(
        title=title,
        function_arn=sources.monitored.functions["Widgets"].function.function_arn,
        params={"widget": widget},
        update_on_refresh=True,
        width=width,
        height=6,
    )


def _mark(label: str, value: float) -> cloudwatch.HorizontalAnnotation:
    return cloudwatch.HorizontalAnnotation(label=label, value=value, color=RED)


def _status_label(metric: str) -> str:
    return metric.removeprefix("Executions").removeprefix("Execution")
