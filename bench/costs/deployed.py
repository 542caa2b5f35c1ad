"""What a stage deploys, as far as it costs anything: read from its synthesised templates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.costs.happy_path import Step, happy_path
from stacks.stage import synthesize

DAY = "2026-11-26"
"""Of the synthesis, so that nothing changes with the day: models retire."""
_HASH = 8
"""Characters that the CDK ends logical ids with."""


@dataclass(frozen=True)
class Function:
    memory_mb: int
    architecture: str
    snap_start: bool
    is_traced: bool


@dataclass(frozen=True)
class Index:
    """`attributes` are those it holds, its keys included; None are all."""

    keys: frozenset[str]
    attributes: frozenset[str] | None


@dataclass(frozen=True)
class Table:
    indexes: tuple[Index, ...]
    is_backed_up: bool


@dataclass(frozen=True)
class Machine:
    type: str
    log_level: str
    path: tuple[Step, ...]
    definition_bytes: int


@dataclass(frozen=True)
class Deployed:
    """By the names that the project's own tables have. `alarm_metrics` counts a metric for each alarm that looks
    at it; an anomaly is billed as three."""

    functions: Mapping[str, Function]
    machines: Mapping[str, Machine]
    tables: Mapping[str, Table]
    access_line_bytes: int
    log_days: int
    row_days: int
    is_traced: bool
    has_method_metrics: bool
    authorizer_ttl_s: int
    batch_window_s: int
    polled_queues: int
    sweeps_a_month: int
    alarm_metrics: int
    dashboards: int
    secrets: int


def deployed(stage: str, **context: object) -> Deployed:
    """Of a stage of cdk.json, with `context` before what it says."""
    with TemporaryDirectory() as folder:
        synthesize(stage, Path(folder), **{"layers": "stub", "today": DAY, **context})
        resources: dict[str, Any] = {}
        for path in sorted(Path(folder).glob("*.template.json")):
            resources |= json.loads(path.read_text("utf-8"))["Resources"]
    return _Template(resources).deployed()


class _Template:
    def __init__(self, resources: Mapping[str, Any]) -> None:
        self._resources = resources

    def _all(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for logical_id, resource in self._resources.items():
            if resource["Type"] == kind:
                yield logical_id, resource.get("Properties", {})

    def deployed(self) -> Deployed:
        functions = {
            logical_id.removeprefix("Functions")[:-_HASH]: properties
            for logical_id, properties in self._all("AWS::Lambda::Function")
        }
        [(_, api_stage)] = self._all("AWS::ApiGateway::Stage")
        [every_method, *_] = api_stage["MethodSettings"]
        mappings = [one for _, one in self._all("AWS::Lambda::EventSourceMapping")]
        streams = [one for one in mappings if "StartingPosition" in one]
        return Deployed(
            functions={name: _function(properties) for name, properties in functions.items()},
            machines={
                logical_id.removesuffix("Machine"): _machine(properties)
                for logical_id, properties in self._all("AWS::StepFunctions::StateMachine")
            },
            tables={
                logical_id[:-_HASH]: _table(properties)
                for logical_id, properties in self._all("AWS::DynamoDB::Table")
            },
            access_line_bytes=_line_bytes(api_stage["AccessLogSetting"]["Format"]),
            log_days=max(one["RetentionInDays"] for _, one in self._all("AWS::Logs::LogGroup")),
            row_days=int(
                functions["RecordMetrics"]["Environment"]["Variables"]["LOG_RETENTION_DAYS"]
            ),
            is_traced=bool(api_stage.get("TracingEnabled")),
            has_method_metrics=bool(every_method.get("MetricsEnabled")),
            authorizer_ttl_s=max(
                one["AuthorizerResultTtlInSeconds"]
                for _, one in self._all("AWS::ApiGateway::Authorizer")
            ),
            batch_window_s=max(one.get("MaximumBatchingWindowInSeconds", 0) for one in streams),
            polled_queues=len(mappings) - len(streams),
            sweeps_a_month=730 * 60 * sum("ScheduleExpression" in one for _, one in self._rules()),
            alarm_metrics=sum(_watched(one) for _, one in self._all("AWS::CloudWatch::Alarm")),
            dashboards=len([*self._all("AWS::CloudWatch::Dashboard")]),
            secrets=len([*self._all("AWS::SecretsManager::Secret")]),
        )

    def _rules(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for logical_id, rule in self._all("AWS::Events::Rule"):
            if rule.get("ScheduleExpression", "rate(1 minute)") != "rate(1 minute)":
                raise ValueError(f"{logical_id} has another rate than this counts")
            yield logical_id, rule


def _function(properties: Mapping[str, Any]) -> Function:
    return Function(
        properties["MemorySize"],
        properties["Architectures"][0],
        "SnapStart" in properties,
        properties.get("TracingConfig", {}).get("Mode") == "Active",
    )


def _machine(properties: Mapping[str, Any]) -> Machine:
    text = properties["DefinitionString"]
    definition = json.loads(text)
    return Machine(
        properties["StateMachineType"],
        properties["LoggingConfiguration"]["Level"],
        tuple(happy_path(definition["States"], definition["StartAt"], {"idempotency_key": ""})),
        len(text.encode()),
    )


def _table(properties: Mapping[str, Any]) -> Table:
    if properties["BillingMode"] != "PAY_PER_REQUEST":
        raise ValueError("a table is not on demand")
    keys = {one["AttributeName"] for one in properties["KeySchema"]}
    return Table(
        tuple(_index(one, keys) for one in properties.get("GlobalSecondaryIndexes", ())),
        properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
    )


def _index(properties: Mapping[str, Any], table_keys: set[str]) -> Index:
    keys = frozenset(one["AttributeName"] for one in properties["KeySchema"])
    projection = properties["Projection"]
    held = frozenset({*keys, *table_keys, *projection.get("NonKeyAttributes", ())})
    return Index(keys, None if projection["ProjectionType"] == "ALL" else held)


def _line_bytes(form: str) -> int:
    """Of a line of the access log: what its variables stand for is about as long as their names, but for ids."""
    return len(form.encode())


def _watched(alarm: Mapping[str, Any]) -> int:
    metrics = alarm.get("Metrics")
    if metrics is None:
        return 1
    watched = sum("MetricStat" in one for one in metrics)
    # Of a band there are an upper and a lower metric beside the one that is watched.
    return watched + 2 * any("ANOMALY" in one.get("Expression", "") for one in metrics)
