"""Writes to DynamoDB that hold a condition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from functions.shared.storage.typed_values import untyped_item


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
        told: dict[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]
        return untyped_item(told)
    return None
