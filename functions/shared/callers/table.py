"""Callers and their keys in DynamoDB."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import and_
from typing import Any, TypeVar

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import ClientError

from functions.shared.callers.records import CALLER, KEY, NAME, CallerRecord, KeyRecord, item_of
from functions.shared.storage.conditions import refusing_item
from functions.shared.storage.request_log import json_values
from functions.shared.vocabulary import Frozen

Record = TypeVar("Record", bound=Frozen)

_IS_THERE, _IS_NEW = "attribute_exists(item_id)", "attribute_not_exists(item_id)"
"""boto3 writes no conditions of its own into a transaction."""


class CallerTable:
    """Items by `kind` and `item_id`. Every method raises `ClientError` and `BotoCoreError` where the table
    refuses or does not answer."""

    def __init__(self, table: Any) -> None:
        """`table` is boto3's."""
        self._table = table

    def caller(self, caller_id: str) -> CallerRecord | None:
        return self._get(CALLER, caller_id, CallerRecord)

    def key(self, key_hash: str) -> KeyRecord | None:
        return self._get(KEY, key_hash, KeyRecord)

    def id_of(self, name: str) -> str | None:
        """Whose a name is."""
        item = self._item(NAME, name)
        return None if item is None else str(item["caller_id"])

    def callers(self) -> list[CallerRecord]:
        return [record_of(item, CallerRecord) for item in self._items(CALLER)]

    def keys_of(self, caller_id: str) -> list[KeyRecord]:
        """It looks through the keys of all callers: for those who manage them, not for requests."""
        found = self._items(KEY, FilterExpression=Attr("caller_id").eq(caller_id))
        return [record_of(item, KeyRecord) for item in found]

    def enter(self, caller: CallerRecord, key: KeyRecord) -> str | None:
        """None once the caller is there with its key and its name; else the kind of the item that was there
        before, and nothing is written."""
        name = {"kind": NAME, "item_id": caller.name, "caller_id": caller.caller_id}
        items = (
            item_of(CALLER, caller.caller_id, caller),
            item_of(KEY, key.key_hash, key),
            name,
        )
        refused = self._write_all([self._put(item, _IS_NEW) for item in items])
        return None if refused is None else str(items[refused]["kind"])

    def rotate(
        self, new: KeyRecord, ending: Iterable[KeyRecord], ended: Iterable[KeyRecord]
    ) -> bool:
        """Whether the new key is there, those that end with the time when they do, and those that have ended
        are forgotten; if not, another rotation was faster."""
        writes = [
            self._put(item_of(KEY, new.key_hash, new), _IS_NEW),
            *(self._put(item_of(KEY, one.key_hash, one), _IS_THERE) for one in ending),
            *(self._delete(one) for one in ended),
        ]
        return self._write_all(writes) is None

    def replace(self, before: CallerRecord, after: CallerRecord) -> bool:
        """Whether it was as before until then."""
        was = item_of(CALLER, before.caller_id, before)
        unchanged = (_is_as(name, was) for name in CallerRecord.model_fields)
        condition = reduce(and_, unchanged, Attr("item_id").exists())
        item = item_of(CALLER, after.caller_id, after)
        put = self._table.put_item
        return refusing_item(lambda: put(Item=item, ConditionExpression=condition)) is None

    def _put(self, item: dict[str, Any], condition: str) -> dict[str, Any]:
        told = {"TableName": self._table.name, "Item": item, "ConditionExpression": condition}
        return {"Put": told}

    def _delete(self, key: KeyRecord) -> dict[str, Any]:
        place = {"kind": KEY, "item_id": key.key_hash}
        return {"Delete": {"TableName": self._table.name, "Key": place}}

    def _write_all(self, writes: list[dict[str, Any]]) -> int | None:
        """None once all is written, else the place of the first whose condition does not hold. The SDK
        names each transaction, so that its own repeats are none."""
        try:
            self._table.meta.client.transact_write_items(TransactItems=writes)
        except ClientError as error:
            reasons: Any = error.response.get("CancellationReasons", [])
            codes = [reason.get("Code") for reason in reasons]
            if "ConditionalCheckFailed" not in codes:
                raise
            return codes.index("ConditionalCheckFailed")
        return None

    def _items(self, kind: str, **more: Any) -> Iterator[dict[str, Any]]:
        arguments = {"KeyConditionExpression": Key("kind").eq(kind), "ConsistentRead": True, **more}
        while True:
            page = self._table.query(**arguments)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _get(self, kind: str, item_id: str, record: type[Record]) -> Record | None:
        item = self._item(kind, item_id)
        return None if item is None else record_of(item, record)

    def _item(self, kind: str, item_id: str) -> dict[str, Any] | None:
        # Consistent, as a key is used the moment it is made.
        found = self._table.get_item(Key={"kind": kind, "item_id": item_id}, ConsistentRead=True)
        item: dict[str, Any] | None = found.get("Item")
        return item


def _is_as(name: str, was: dict[str, Any]) -> ConditionBase:
    """What an item does not have is as its default."""
    absent = Attr(name).not_exists()
    return Attr(name).eq(was[name]) | absent if name in was else absent


def record_of(item: dict[str, Any], record: type[Record]) -> Record:
    fields = {name: value for name, value in item.items() if name not in {"kind", "item_id"}}
    return record.model_validate_json(json.dumps(json_values(fields)))
