"""What runs functions that nobody calls: the request log's stream."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.storage import StorageStack

_INSERTS = {"eventName": lambda_.FilterRule.is_equal("INSERT")}
_FIGURES_WAIT = Duration.seconds(1)
"""For more rows, so that a busy stage is counted a batch at a time."""
_WINDOW = Duration.minutes(15)
"""The longest there is: nothing is gathered in it, but only a batch of a window tells its shard.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-windows.html"""
_TRIED_FOR = Duration.hours(6)
"""A quarter of what the stream keeps: a row that cannot be counted holds up those of its shard behind it."""


class EventSources(Construct):
    """Mappings from streams to functions, whose roles are in the table of functions."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        functions: Mapping[str, lambda_.IFunction],
        storage: StorageStack,
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
