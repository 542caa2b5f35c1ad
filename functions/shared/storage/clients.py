"""One client of each AWS service, for as long as the process lives."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table

READ_TIMEOUT_S = 4
MOST_CALLS = 2
BACKOFF_S = 1
"""At most, before the second call: https://docs.aws.amazon.com/boto3/latest/guide/retries.html"""

# A caller waits: what does not answer is reported before its function's own time is over.
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=READ_TIMEOUT_S,
    retries={"mode": "standard", "total_max_attempts": MOST_CALLS},
)


@lru_cache
def client(service: str) -> Any:
    """boto3's client by the name of its service."""
    # The stubs know a client by its literal name alone.
    make: Any = boto3.client
    return make(service, config=_CONFIG)


@lru_cache
def dynamodb() -> DynamoDBServiceResource:
    return boto3.resource("dynamodb", config=_CONFIG)


@lru_cache
def table(name: str) -> Table:
    return dynamodb().Table(name)
