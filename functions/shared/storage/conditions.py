"""Writes to DynamoDB that hold a condition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

_DESERIALIZER = TypeDeserializer()


def refusing_item(write: Callable[[], object]) -> dict[str, Any] | None:
    """None once it is written; else the item that the condition does not hold for, empty where there is
    none or the write does not ask for it (`ReturnValuesOnConditionCheckFailure`).

    Raises `ClientError` for any other refusal.
    """
    try:
        write()
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        # In an error even boto3's resources leave the values typed.
        typed: dict[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]
        return {name: _DESERIALIZER.deserialize(value) for name, value in typed.items()}
    return None
