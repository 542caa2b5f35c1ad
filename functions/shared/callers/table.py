"""Callers and their keys in DynamoDB."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from functions.shared.callers.records import CALLER, KEY, NAME, CallerRecord, KeyRecord, item_of
from functions.shared.storage.conditions import refusing_item
from functions.shared.storage.expressions import Expressions, all_of, any_of
from functions.shared.storage.request_log import json_values
from functions.shared.storage.tables import Table
from functions.shared.vocabulary import Frozen

Record = TypeVar("Record", bound=Frozen)

Write = tuple[str, dict[str, Any]]
"""As `Table.write_all` takes it."""

_IS_THERE, _IS_NEW = "attribute_exists(item_id)", "attribute_not_exists(item_id)"


class CallerTable:
    """Items by `kind` and `item_id`. Every method raises `ClientError` and `BotoCoreError` where the table
    refuses or does not answer."""

    def __init__(self, table: Table) -> None:
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
        found = self._items(KEY, caller_id)
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
        at = Expressions()
        unchanged = [_is_as(at, name, was) for name in CallerRecord.model_fields]
        condition = at.arguments(ConditionExpression=all_of([at.present("item_id"), *unchanged]))
        item = item_of(CALLER, after.caller_id, after)
        return refusing_item(lambda: self._table.put_item(Item=item, **condition)) is None

    @staticmethod
    def _put(item: dict[str, Any], condition: str) -> Write:
        return "Put", {"Item": item, "ConditionExpression": condition}

    @staticmethod
    def _delete(key: KeyRecord) -> Write:
        return "Delete", {"Key": {"kind": KEY, "item_id": key.key_hash}}

    def _write_all(self, writes: Iterable[Write]) -> int | None:
        """None once all is written, else the place of the first whose condition does not hold."""
        try:
            self._table.write_all(writes)
        except ClientError as error:
            reasons: Any = error.response.get("CancellationReasons", [])
            codes = [reason.get("Code") for reason in reasons]
            if "ConditionalCheckFailed" not in codes:
                raise
            return codes.index("ConditionalCheckFailed")
        return None

    def _items(self, kind: str, caller_id: str | None = None) -> Iterator[dict[str, Any]]:
        """Those of a caller alone, where one is told."""
        at = Expressions()
        asked = at.arguments(
            KeyConditionExpression=at.is_("kind", "=", kind),
            FilterExpression="" if caller_id is None else at.is_("caller_id", "=", caller_id),
        )
        return self._table.query_all(ConsistentRead=True, **asked)

    def _get(self, kind: str, item_id: str, record: type[Record]) -> Record | None:
        item = self._item(kind, item_id)
        return None if item is None else record_of(item, record)

    def _item(self, kind: str, item_id: str) -> dict[str, Any] | None:
        # Consistent, as a key is used the moment it is made.
        found = self._table.get_item(Key={"kind": kind, "item_id": item_id}, ConsistentRead=True)
        item: dict[str, Any] | None = found.get("Item")
        return item


def _is_as(at: Expressions, name: str, was: dict[str, Any]) -> str:
    """What an item does not have is as its default."""
    absent = at.absent(name)
    return any_of(at.is_(name, "=", was[name]), absent) if name in was else absent


def record_of(item: dict[str, Any], record: type[Record]) -> Record:
    fields = {name: value for name, value in item.items() if name not in {"kind", "item_id"}}
    return record.model_validate_json(json.dumps(json_values(fields)))
