"""Callers and their keys in DynamoDB."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeVar

from boto3.dynamodb.conditions import Key

from functions.shared.callers.records import CALLER, KEY, NAME, CallerRecord, KeyRecord
from functions.shared.storage.request_log import json_values
from functions.shared.vocabulary import Frozen

Record = TypeVar("Record", bound=Frozen)


class CallerTable:
    """Items by `kind` and `item_id`. Every method raises `ClientError` and `BotoCoreError` where the table
    refuses or does not answer."""

    def __init__(self, table: Any) -> None:
        """`table` is boto3's."""
        self._table = table

    def caller(self, caller_id: str) -> CallerRecord | None:
        return self._get(CALLER, caller_id, CallerRecord)

    def callers(self) -> Iterator[CallerRecord]:
        """All of them, by their ids."""
        of_callers = Key("kind").eq(CALLER)
        arguments: dict[str, Any] = {"KeyConditionExpression": of_callers, "ConsistentRead": True}
        while True:
            page = self._table.query(**arguments)
            yield from (record_of(item, CallerRecord) for item in page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def key(self, key_hash: str) -> KeyRecord | None:
        return self._get(KEY, key_hash, KeyRecord)

    def id_of(self, name: str) -> str | None:
        """Whose a name is."""
        item = self._item(NAME, name)
        return None if item is None else str(item["caller_id"])

    def _get(self, kind: str, item_id: str, record: type[Record]) -> Record | None:
        item = self._item(kind, item_id)
        return None if item is None else record_of(item, record)

    def _item(self, kind: str, item_id: str) -> dict[str, Any] | None:
        # Consistent, as a key is used the moment it is made.
        found = self._table.get_item(Key={"kind": kind, "item_id": item_id}, ConsistentRead=True)
        item: dict[str, Any] | None = found.get("Item")
        return item


def record_of(item: dict[str, Any], record: type[Record]) -> Record:
    fields = {name: value for name, value in item.items() if name not in {"kind", "item_id"}}
    return record.model_validate_json(json.dumps(json_values(fields)))
