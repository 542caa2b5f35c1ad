"""The dashboard of a stage: what callers get on top, what the platform does below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from functions.shared.catalogue.models import catalogue_with
from functions.shared.policy.provider_choice import ProviderChoice
from functions.shared.telemetry.series import COLD_START, FUNCTION_NAME, INTERNAL_ERRORS, STEPS
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
    Drawn,
    graph,
    heading,
    numbers,
    shares,
)

Row = Sequence[cloudwatch.IWidget]

_WITHOUT_POWERTOOLS = frozenset({"Console"})
"""Functions that count nothing of themselves."""
_ANSWERED: Dimension = ("outcome", "success")
_USD_PER_HOUR = "USD per hour"
_MS = "Milliseconds"
_PERCENTILES = (("p50", SKY), ("p95", ORANGE), ("p99", RED))
_STEP_COLORS = dict(zip(STEPS, (BLUE, PURPLE, GREEN, ORANGE, SKY), strict=True))
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
    metrics: MetricCatalog
    monitored: MonitoredResources
    alarms: Sequence[cloudwatch.AlarmBase]

    def percentiles(
        self, metric: str, dimension: Dimension | None = None
    ) -> list[cloudwatch.Metric]:
        return [
            self.metrics.metric(metric, stat, dimension=dimension, label=stat, color=color)
            for stat, color in _PERCENTILES
        ]


def _alarms(sources: Sources) -> Row:
    return [
        cloudwatch.AlarmStatusWidget(
            title="Alarms", alarms=sources.alarms, width=FULL_WIDTH, height=4
        )
    ]


def _totals(sources: Sources) -> Row:
    metrics = sources.metrics
    requests = metrics.metric("Requests", label="Requests", color=BLUE)
    fallbacks = metrics.metric("Fallbacks", label="Fallbacks", color=ORANGE)
    return [
        numbers("Requests", [requests]),
        numbers("Failed, by whose fault", _failures_by_fault(metrics), width=6),
        numbers("Success rate (%)", _success_rates(metrics), width=6),
        numbers("Fallbacks", [fallbacks]),
        numbers("Latency (ms)", sources.percentiles("LatencyMs"), width=6),
    ]


def _money(sources: Sources) -> Row:
    metrics = sources.metrics
    amounts = (
        ("Cost (USD)", "CostUsd", BLUE),
        ("Possibly billed (USD)", "PossiblyBilledUsd", ORANGE),
        ("Estimated savings (USD)", "SavingsUsd", GREEN),
        ("Simulated cost (USD)", "SimulatedCostUsd", SKY),
    )
    cost = metrics.metric("CostUsd")
    exceeded = metrics.metric("HoldExceeded", label="Calls", color=RED)
    return [
        *(
            numbers(title, [metrics.metric(name, label=title, color=color)], width=4, exact=True)
            for title, name, color in amounts
        ),
        numbers("Cost (USD per hour)", [_per_hour("Cost", BLUE, cost=cost)], width=4),
        numbers("Hold exceeded", [exceeded], width=4),
    ]


def _answers(sources: Sources) -> Row:
    metrics = sources.metrics
    answered = metrics.metric("Requests", dimension=_ANSWERED, label="Answered", color=GREEN)
    by_end: list[Drawn] = [answered, *_failures_by_fault(metrics)]
    return [
        graph("Requests, by whose fault they failed", "Requests", by_end, stacked=True),
        graph(
            "Success rate",
            "Percent",
            _success_rates(metrics),
            most=100,
            marks=[_mark("Alarm", sources.config.alarms.success_rate_percent)],
        ),
        graph("Latency", _MS, sources.percentiles("LatencyMs")),
    ]


def _overhead(sources: Sources) -> Row:
    return [
        graph("Overhead: latency that is ours", _MS, sources.percentiles("OverheadMs")),
        *(graph(f"Overhead by step {stat}", _MS, _steps(sources, stat)) for stat in ("p50", "p95")),
    ]


def _steps(sources: Sources, stat: str) -> list[cloudwatch.Metric]:
    return [
        sources.metrics.metric(metric, stat, label=step.capitalize(), color=_STEP_COLORS[step])
        for step, metric in STEPS.items()
    ]


def _costs(sources: Sources) -> Row:
    metrics = sources.metrics
    savings = _per_hour("Estimated savings", GREEN, savings=metrics.metric("SavingsUsd"))
    tokens = [
        metrics.metric("InputTokens", label="Input", color=SKY),
        metrics.metric("OutputTokens", label="Output", color=BLUE),
    ]
    return [
        graph(
            "Cost",
            _USD_PER_HOUR,
            _costs_per_hour(metrics),
            stacked=True,
            marks=[_mark("Alarm", float(sources.config.alarms.spend_usd_per_hour))],
        ),
        graph("Estimated savings", _USD_PER_HOUR, [savings]),
        graph("Tokens", "Tokens", tokens, stacked=True),
    ]


def _budgets(sources: Sources) -> Row:
    refused = sources.metrics.metric(
        "Requests", dimension=("outcome", "budget_exceeded"), label="Refused", color=ORANGE
    )
    return [
        _custom("Budgets", "budgets", sources, width=FULL_WIDTH - THIRD),
        graph("Requests refused by budget", "Requests", [refused], stacked=True),
    ]


def _cache(sources: Sources) -> Row:
    hits = sources.metrics.metric("CacheHits", label="Given again", color=GREEN)
    misses = sources.metrics.metric("CacheMisses", label="Made and kept", color=BLUE)
    rate = _math("Hit rate", GREEN, "100 * hits / (hits + misses)", hits=hits, misses=misses)
    return [
        graph(
            "Answers that may be kept",
            "Answers",
            [hits, misses],
            stacked=True,
            width=FULL_WIDTH // 2,
        ),
        graph("Hit rate", "Percent", [rate], most=100, width=FULL_WIDTH // 2),
    ]


def _chosen(sources: Sources) -> Row:
    metrics = sources.metrics
    return [
        shares("Answers by model", "Answers", metrics.by("model", "InferenceMs", COUNT)),
        shares("Requests by task", "Requests", metrics.by("task", "Requests")),
        shares("Requests by preference", "Requests", metrics.by("model_preference", "Requests")),
    ]


def _failures(sources: Sources) -> Row:
    metrics = sources.metrics
    fallbacks = metrics.metric("Fallbacks", label="Fallbacks", color=ORANGE)
    # Whoever's fault they are: the sum would be the providers' alone.
    reasons = metrics.by("outcome", "AttemptErrors", COUNT)
    outcomes = metrics.by("outcome", "Requests")
    return [
        graph("Fallbacks over time", "Attempts", [fallbacks]),
        graph("Failed attempts by reason", "Attempts", [reasons], stacked=True),
        graph("Requests by outcome", "Requests", [outcomes], stacked=True),
    ]


def _providers(sources: Sources) -> Row:
    metrics = sources.metrics
    error_rate = metrics.by("provider", "AttemptErrors", AVERAGE)
    return [
        *(
            graph(f"Provider latency {stat}", _MS, [metrics.by("provider", "InferenceMs", stat)])
            for stat in ("p50", "p95")
        ),
        graph("Provider error rate", "Provider's faults per attempt", [error_rate], most=1),
    ]


def _circuits(sources: Sources) -> Row:
    metrics = sources.metrics
    throttles = metrics.by("provider", "Throttles")
    estimated = metrics.by("provider", "EstimatedUsage")
    return [
        graph("Provider throttles", "Attempts", [throttles], width=QUARTER),
        graph("Estimated usage", "Answers", [estimated], width=QUARTER),
        _custom("Circuits", "circuits", sources, width=FULL_WIDTH - 2 * QUARTER),
    ]


def _one_model(sources: Sources) -> Row:
    metrics, model = sources.metrics, ("model", _models(sources.config)[0])
    attempts = [
        metrics.metric("AttemptErrors", COUNT, label="Attempts", color=BLUE, dimension=model),
        metrics.metric("AttemptErrors", label="Provider's faults", color=RED, dimension=model),
    ]
    return [
        graph("Model: attempts and errors", "Attempts", attempts),
        graph("Model: latency", _MS, sources.percentiles("InferenceMs", model)),
        graph("Model: cost", _USD_PER_HOUR, _costs_per_hour(metrics, model), stacked=True),
    ]


def _machines(sources: Sources) -> Row:
    machines = sources.monitored.machines
    times = [one.metric_time(statistic="p99", label=name) for name, one in machines.items()]
    deadline = _mark("Deadline of Generate", sources.config.deadlines.sync_ms)
    statuses = {name: _statuses(machine) for name, machine in machines.items()}
    return [
        *(
            graph(f"Executions: {name}", "Executions", series, stacked=True, width=QUARTER)
            for name, series in statuses.items()
        ),
        graph("Execution time p99", _MS, times, marks=[deadline], width=QUARTER),
    ]


def _statuses(machine: sfn.IStateMachine) -> list[cloudwatch.Metric]:
    return [
        machine.metric(metric, statistic=SUM, label=_status_label(metric), color=color)
        for metric, color in _STATUSES
    ]


def _functions(sources: Sources) -> Row:
    functions = sources.monitored.functions
    throttles = [
        one.function.metric_throttles(statistic=SUM, label=name) for name, one in functions.items()
    ]
    durations = [
        one.function.metric_duration(statistic="p95", label=name) for name, one in functions.items()
    ]
    return [
        graph("Function duration p95", _MS, durations, width=QUARTER),
        *_engine_faults(sources),
        graph("Function throttles", "Invocations", throttles, stacked=True, width=QUARTER),
    ]


def _engine_faults(sources: Sources) -> Row:
    """What Lambda calls errors is mostly no fault: functions raise what the state machine goes by."""
    crashes = [
        sources.metrics.metric("Crashes", label="Steps of requests"),
        *(
            one.function.metric_errors(statistic=SUM, label=name)
            for name, one in sources.monitored.without_expected_errors.items()
        ),
    ]
    internal = _counted_by_functions(INTERNAL_ERRORS, sources)
    return [
        graph("Internal errors", "Errors", internal, stacked=True, width=QUARTER),
        graph("Crashes", "Invocations", crashes, stacked=True, width=QUARTER),
    ]


def _counted_by_functions(metric: str, sources: Sources) -> list[cloudwatch.Metric]:
    return [
        sources.metrics.metric(
            metric, dimension=(FUNCTION_NAME, one.function.function_name), label=name
        )
        for name, one in sources.monitored.functions.items()
        if name not in _WITHOUT_POWERTOOLS
    ]


def _capacity(sources: Sources) -> Row:
    monitored = sources.monitored
    concurrency = [
        one.function.metric("ConcurrentExecutions", statistic=MAXIMUM, label=name)
        for name, one in monitored.functions.items()
    ]
    cold_starts = _counted_by_functions(COLD_START, sources)
    table_throttles = [
        table.metric(f"{kind}ThrottleEvents", statistic=SUM, label=f"{name}: {kind.lower()}s")
        for name, table in monitored.tables.items()
        for kind in ("Read", "Write")
    ]
    return [
        graph("Function concurrency", "Invocations", concurrency),
        graph("Cold starts", "Invocations", cold_starts, stacked=True),
        graph("Table throttles", "Events", table_throttles, stacked=True),
    ]


def _gateway(sources: Sources) -> Row:
    gateway = sources.monitored.gateway_stage
    calls = [
        gateway.metric_count(label="All", color=BLUE),
        gateway.metric_client_error(statistic=SUM, label="4xx", color=ORANGE),
        gateway.metric_server_error(statistic=SUM, label="5xx", color=RED),
    ]
    latency = [
        gateway.metric_latency(statistic=stat, label=stat, color=color)
        for stat, color in _PERCENTILES
    ]
    throttled = sources.metrics.rate_limited(ORANGE)
    waiting = sources.monitored.dead_letter_queue.metric_approximate_number_of_messages_visible(
        statistic=MAXIMUM, label="Waiting", color=RED
    )
    return [
        graph("Gateway calls", "Calls", calls, width=QUARTER),
        graph("Gateway latency", _MS, latency, width=QUARTER),
        graph("Throttled calls", "Calls", [throttled], width=QUARTER),
        graph("Dead letters", "Messages", [waiting], width=QUARTER),
    ]


def _upkeep(sources: Sources) -> Row:
    log_groups = LAST_FAILURES.log_groups(sources.monitored)
    return [
        _custom("Models that retire within 60 days", "retiring_models", sources, width=THIRD),
        cloudwatch.LogQueryWidget(
            title="Last failures",
            log_group_names=[group.log_group_name for group in log_groups],
            query_string=LAST_FAILURES.query.to_string(),
            view=cloudwatch.LogQueryVisualizationType.TABLE,
            width=FULL_WIDTH - THIRD,
            height=6,
        ),
    ]


SECTIONS: tuple[tuple[str, tuple[Callable[[Sources], Row], ...]], ...] = (
    ("Alarms", (_alarms,)),
    ("What callers get", (_totals, _money, _answers, _overhead, _costs)),
    ("Budgets", (_budgets,)),
    ("Kept answers", (_cache,)),
    ("Routing", (_chosen, _failures)),
    ("Providers", (_providers, _circuits)),
    ("One model, chosen above", (_one_model,)),
    ("Platform", (_machines, _functions, _capacity, _gateway)),
    ("Upkeep", (_upkeep,)),
)


def add_dashboard(
    scope: Construct,
    config: StageConfig,
    metrics: MetricCatalog,
    monitored: MonitoredResources,
    alarms: Sequence[cloudwatch.AlarmBase],
) -> None:
    """Add the stage's only dashboard."""
    sources = Sources(config, metrics, monitored, alarms)
    cloudwatch.Dashboard(
        scope,
        "Dashboard",
        dashboard_name=metrics.service,
        default_interval=Duration.hours(3),
        period_override=cloudwatch.PeriodOverride.AUTO,
        variables=[_model_variable(_models(config))],
        widgets=list(_rows(sources)),
    )


def _rows(sources: Sources) -> Iterator[Row]:
    for title, rows in SECTIONS:
        yield [heading(title)]
        yield from (row(sources) for row in rows)


def _models(config: StageConfig) -> list[str]:
    """The models that the stage may route to on its own."""
    choice = ProviderChoice(frozenset(config.providers_configured), config.mock_providers)
    return [
        model.id
        for model in catalogue_with(config.additions).models
        if model.quality
        and not model.is_retired(config.today)
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


def _math(
    label: str, color: str, expression: str, **metrics: cloudwatch.IMetric
) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression=expression, using_metrics=metrics, label=label, color=color
    )


def _failures_by_fault(metrics: MetricCatalog) -> list[cloudwatch.MathExpression]:
    """Together they are all that failed, as the metrics API counts them."""
    requests = metrics.metric("Requests")
    success = metrics.metric("Requests", dimension=_ANSWERED)
    inside = metrics.metric("Requests", dimension=("outcome", "internal_error"))
    errors = metrics.metric("Errors")
    # Where no request failed inside, there is no such series: it takes its times from the requests.
    return [
        _math(
            "Callers'",
            SKY,
            "requests - FILL(success, 0) - errors",
            requests=requests,
            success=success,
            errors=errors,
        ),
        _math("Providers'", ORANGE, "errors - FILL(inside, 0)", errors=errors, inside=inside),
        _math("Ours", RED, "0 * requests + FILL(inside, 0)", requests=requests, inside=inside),
    ]


def _success_rates(metrics: MetricCatalog) -> list[cloudwatch.MathExpression]:
    requests, errors = metrics.metric("Requests"), metrics.metric("Errors")
    success = metrics.metric("Requests", dimension=_ANSWERED)
    # Without FILL a minute in which every request failed would have no rate, instead of zero.
    of_all, without = "100 * FILL(success, 0) / requests", "100 * (1 - errors / requests)"
    return [
        _math("Of all", BLUE, of_all, success=success, requests=requests),
        _math("Without callers' faults", GREEN, without, errors=errors, requests=requests),
    ]


def _costs_per_hour(
    metrics: MetricCatalog, dimension: Dimension | None = None
) -> list[cloudwatch.MathExpression]:
    known = metrics.metric("CostUsd", dimension=dimension)
    possible = metrics.metric("PossiblyBilledUsd", dimension=dimension)
    return [
        _per_hour("Known", BLUE, known=known),
        _per_hour("Possibly billed", ORANGE, possible=possible),
    ]


def _per_hour(label: str, color: str, **usd: cloudwatch.Metric) -> cloudwatch.MathExpression:
    """Of the one metric, by a name that is its own in the widget."""
    [name] = usd
    return _math(label, color, f"{name} * 3600 / PERIOD({name})", **usd)


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
