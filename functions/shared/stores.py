"""The request log in DynamoDB, and the queue for what could not be written to it."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard"})


class RequestLog:
    """One row per request, keyed by `request_id`."""

    def __init__(self, table_name: str) -> None:
        self._table = _table(table_name)

    def put_once(self, row: dict[str, Any]) -> bool:
        """False where the row is there already. Raises `ClientError` for any other refusal."""
        # DynamoDB's number is decimal; a JSON float would not survive it exactly.
        item = json.loads(json.dumps(row), parse_float=Decimal)
        try:
            self._table.put_item(Item=item, ConditionExpression="attribute_not_exists(request_id)")
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True


class DeadLetters:
    """Payloads that wait for replay."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def send(self, payload: dict[str, Any]) -> None:
        boto3.client("sqs", config=_CONFIG).send_message(
            QueueUrl=self._queue_url, MessageBody=json.dumps(payload)
        )


@lru_cache
def _table(name: str) -> Table:
    return boto3.resource("dynamodb", config=_CONFIG).Table(name)
