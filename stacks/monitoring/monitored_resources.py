"""What the dashboard, the alarms and the saved queries look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_apigateway as apigw
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn


@dataclass(frozen=True)
class MonitoredFunction:
    """A function by itself: what is called may be an alias, which has no logs and other metrics."""

    function: lambda_.Function
    log_group: logs.ILogGroup
    on_path: bool
    """Whether a request waits for it."""


@dataclass(frozen=True)
class MonitoredResources:
    """The parts of one stage, by the names that graphs give them."""

    functions: Mapping[str, MonitoredFunction]
    machines: Mapping[str, sfn.IStateMachine]
    sync_machine: sfn.IStateMachine
    tables: Mapping[str, dynamodb.ITable]
    dead_letter_queue: sqs.IQueue
    """Requests without a row."""
    event_dead_letter_queue: sqs.IQueue
    """What became of them and could not be followed up."""
    gateway_stage: apigw.Stage
    access_logs: logs.ILogGroup

    @property
    def without_expected_errors(self) -> Mapping[str, MonitoredFunction]:
        """The functions whose every error is ours: the others raise what the state machine, or the
        gateway, goes by."""
        return {
            name: one
            for name, one in self.functions.items()
            if name == "RecordMetrics" or not (one.on_path or name == "Authorize")
        }
