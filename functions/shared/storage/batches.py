"""Many items of a table at once."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from functions.shared.storage.clients import dynamodb

MOST_READ = 100
"""Items that DynamoDB reads at once."""


def read_items(
    table_name: str, keys: Iterable[dict[str, str]], *, consistent: bool
) -> list[dict[str, Any]]:
    """Those that exist; a round trip for each hundred. Raises `ClientError`, also where the table answers
    for some of them only, and `BotoCoreError`."""
    remaining = iter(keys)
    items: list[dict[str, Any]] = []
    while batch := list(islice(remaining, MOST_READ)):
        items += _batch(table_name, batch, consistent=consistent)
    return items


def _batch(
    table_name: str, keys: list[dict[str, str]], *, consistent: bool
) -> list[dict[str, Any]]:
    found = dynamodb().batch_get_item(
        RequestItems={table_name: {"Keys": keys, "ConsistentRead": consistent}}
    )
    if found.get("UnprocessedKeys"):
        raise ClientError(
            {"Error": {"Code": "ThrottlingException", "Message": "Not all was read."}},
            "BatchGetItem",
        )
    return list(found["Responses"].get(table_name, []))
