"""DynamoDB's tables, with Python's values in and out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from functions.shared.storage.clients import dynamodb
from functions.shared.storage.typed_values import typed_item, untyped_item

MOST_READ = 100
"""Items that DynamoDB reads at once."""

Item = dict[str, Any]

_ITEMS_IN = ("Item", "Key", "ExpressionAttributeValues", "ExclusiveStartKey")
_ITEMS_OUT = ("Item", "Attributes", "LastEvaluatedKey")


class Table:
    """Its methods are DynamoDB's, with its names. Each raises `ClientError` and `BotoCoreError`."""

    def __init__(self, name: str, client: Any) -> None:
        """`client` is DynamoDB's."""
        self.name = name
        self._client = client

    def get_item(self, **call: Any) -> dict[str, Any]:
        return self._called(self._client.get_item, call)

    def put_item(self, **call: Any) -> dict[str, Any]:
        return self._called(self._client.put_item, call)

    def update_item(self, **call: Any) -> dict[str, Any]:
        return self._called(self._client.update_item, call)

    def delete_item(self, **call: Any) -> dict[str, Any]:
        return self._called(self._client.delete_item, call)

    def query(self, **call: Any) -> dict[str, Any]:
        return self._called(self._client.query, call)

    def scan(self, **call: Any) -> dict[str, Any]:
        return self._called(self._client.scan, call)

    def query_all(self, **call: Any) -> Iterator[Item]:
        """The items of every page."""
        return self._all("query", call)

    def scan_all(self, **call: Any) -> Iterator[Item]:
        """The items of every page."""
        return self._all("scan", call)

    def read_items(self, keys: Iterable[Item], *, consistent: bool) -> list[Item]:
        """Those that exist; a round trip for each hundred. Raises `ClientError`, also where the table
        answers for some of them only."""
        remaining = iter(keys)
        items: list[Item] = []
        while batch := list(islice(remaining, MOST_READ)):
            items += self._batch(batch, consistent=consistent)
        return items

    def write_all(self, writes: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """In one transaction, each by its kind, as `Put`, and what it is called with. The SDK names each
        transaction, so that its own repeats are none."""
        items = [{kind: {"TableName": self.name, **_typed(call)}} for kind, call in writes]
        self._client.transact_write_items(TransactItems=items)

    def _all(self, operation: str, call: dict[str, Any]) -> Iterator[Item]:
        pages = self._client.get_paginator(operation).paginate(TableName=self.name, **_typed(call))
        return (untyped_item(item) for page in pages for item in page["Items"])

    def _batch(self, keys: list[Item], *, consistent: bool) -> list[Item]:
        asked = {"Keys": [typed_item(key) for key in keys], "ConsistentRead": consistent}
        found = self._client.batch_get_item(RequestItems={self.name: asked})
        if found.get("UnprocessedKeys"):
            raise ClientError(
                {"Error": {"Code": "ThrottlingException", "Message": "Not all was read."}},
                "BatchGetItem",
            )
        return [untyped_item(item) for item in found["Responses"].get(self.name, ())]

    def _called(self, operation: Any, call: dict[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = operation(TableName=self.name, **_typed(call))
        for name in _ITEMS_OUT:
            if name in told:
                told[name] = untyped_item(told[name])
        if "Items" in told:
            told["Items"] = [untyped_item(item) for item in told["Items"]]
        return told


def _typed(call: dict[str, Any]) -> dict[str, Any]:
    return {name: typed_item(given) if name in _ITEMS_IN else given for name, given in call.items()}


@lru_cache
def table(name: str) -> Table:
    return Table(name, dynamodb())
