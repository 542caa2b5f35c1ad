"""One client of each AWS service, for as long as the process lives."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table

_CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard"})


@lru_cache
def _resource() -> DynamoDBServiceResource:
    return boto3.resource("dynamodb", config=_CONFIG)


@lru_cache
def _table(name: str) -> Table:
    return _resource().Table(name)
