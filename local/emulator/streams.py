"""DynamoDB Streams: a batch tells its shard, as AWS does where an event source has windows."""

from __future__ import annotations

from typing import Any

from ministack.services import lambda_svc

_SHARD = "shardId-00000001795000000000-00000001"
"""All records of a table are one row here, whose sequence numbers grow."""

_execute = lambda_svc._execute_function


def with_shard(event: Any) -> Any:
    records = event.get("Records") if isinstance(event, dict) else None
    if records and records[0].get("eventSource") == "aws:dynamodb":
        return {**event, "shardId": _SHARD}
    return event


def _executed(function: dict[str, Any], event: Any) -> Any:
    return _execute(function, with_shard(event))


def install() -> None:
    """Replace ministack's function."""
    lambda_svc._execute_function = _executed
