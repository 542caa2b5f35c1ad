"""What runs functions that nobody calls: the request log's stream, the ends of stopped jobs, the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.storage import StorageStack

STOPPED_TIMEOUT_S = 30
"""Of the function that records stopped jobs: a long history has many pages."""
_INSERTS = {"eventName": lambda_.FilterRule.is_equal("INSERT")}
_FIGURES_WAIT = Duration.seconds(1)
"""For more rows, so that a busy stage is counted a batch at a time."""
_WINDOW = Duration.minutes(15)
"""The longest there is: nothing is gathered in it, but only a batch of a window tells its shard.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-windows.html"""
_TRIED_FOR = Duration.hours(6)
"""A quarter of what the stream keeps: a row that cannot be counted holds up those of its shard behind it."""
_LOOK_AGAIN = Duration.seconds(10)
"""For what the call of a stopped job took."""
_MOST_FAILURES = 5
_BETWEEN_SWEEPS = Duration.minutes(1)
"""How long a budget may be held for a call that has ended; the shortest that rules know."""


def add_stopped_jobs_queue(scope: Construct, storage: StorageStack) -> sqs.Queue:
    """Where the ends of jobs wait, and wait again, that no state could record."""
    return sqs.Queue(
        scope,
        "StoppedJobs",
        delivery_delay=_LOOK_AGAIN,
        visibility_timeout=Duration.seconds(6 * STOPPED_TIMEOUT_S),
        retention_period=Duration.days(14),
        enforce_ssl=True,
        dead_letter_queue=sqs.DeadLetterQueue(
            queue=storage.event_dead_letter_queue, max_receive_count=_MOST_FAILURES
        ),
    )


class EventSources(Construct):
    """Mappings from a stream, a queue and a clock to functions, whose roles are in the table of functions."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        functions: Mapping[str, lambda_.IFunction],
        storage: StorageStack,
        stopped_jobs: sqs.Queue,
        jobs: sfn.IStateMachine,
    ) -> None:
        super().__init__(scope, construct_id)
        failed = storage.event_dead_letter_queue.queue_arn
        lambda_.CfnEventSourceMapping(
            self,
            "Rows",
            function_name=functions["Tally"].function_name,
            event_source_arn=storage.requests_stream_arn,
            # From its beginning: the newest of it would be what comes some time after the deployment.
            starting_position="TRIM_HORIZON",
            batch_size=100,
            maximum_batching_window_in_seconds=_FIGURES_WAIT.to_seconds(),
            tumbling_window_in_seconds=_WINDOW.to_seconds(),
            bisect_batch_on_function_error=True,
            maximum_record_age_in_seconds=_TRIED_FOR.to_seconds(),
            destination_config={"onFailure": {"destination": failed}},
            filter_criteria={"filters": [lambda_.FilterCriteria.filter(_INSERTS)]},
        )
        lambda_.CfnEventSourceMapping(
            self,
            "Stops",
            function_name=functions["RecordStopped"].function_name,
            event_source_arn=stopped_jobs.queue_arn,
            batch_size=1,
        )
        self._add_rule("Stopped", jobs, stopped_jobs, {"status": ["ABORTED", "TIMED_OUT"]})
        # Any other failure has been recorded by the state before it.
        broken = {"status": ["FAILED"], "error": events.Match.prefix("States.")}
        self._add_rule("Broken", jobs, stopped_jobs, broken)
        events.Rule(
            self,
            "EachMinute",
            schedule=events.Schedule.rate(_BETWEEN_SWEEPS),
            targets=[targets.LambdaFunction(functions["Sweep"])],
        )

    def _add_rule(
        self, name: str, jobs: sfn.IStateMachine, queue: sqs.Queue, ended: Mapping[str, Any]
    ) -> None:
        """Step Functions tells the ends of standard machines:
        https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html"""
        events.Rule(
            self,
            name,
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [jobs.state_machine_arn], **ended},
            ),
            targets=[targets.SqsQueue(queue)],
        )
