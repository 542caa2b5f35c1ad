"""The request log in DynamoDB: one row per request, and the indexes that list them."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

from functions.shared.storage.conditions import refusing_item
from functions.shared.storage.tables import table
from functions.shared.storage.time_index import Page, TimeIndex, newest_page
from functions.shared.storage.typed_values import untyped_item

BY_DAY, BY_CALLER = "by_day", "by_caller"
"""Indexes of the request log: all requests of a day, or those of one caller, by `created_at`."""

PARTITION_OF = {BY_DAY: "day", BY_CALLER: "caller_id"}

LISTED = (
    "request_id", "caller_id", "created_at", "finished_at", "status", "mode", "trace_id", "task",
    "model_preference", "model", "provider", "mock", "error_code", "feedback", "latency_ms",
    "cost_nano_usd", "possibly_billed_nano_usd",
    "simulated_cost_nano_usd", "savings_nano_usd", "input_tokens", "output_tokens", "fallbacks",
)  # fmt: skip
"""What the indexes hold of a row: under 1 KB, so that an entry costs one unit to write."""

_DETAILS, _WRITER = "details", "writer"
_FRAME = b"\x78"
"""The first byte of zlib's: https://www.rfc-editor.org/rfc/rfc1950. As that of a deflated block it would begin one
that is stored as it is, whose other bits are zeros."""
_ATTRIBUTES = frozenset({*LISTED, *PARTITION_OF.values(), "expires_at", _DETAILS})


class RequestLog:
    """One row per request, keyed by `request_id`."""

    def __init__(self, table_name: str) -> None:
        self._table = table(table_name)

    def put_once(self, row: dict[str, Any]) -> bool:
        """False where another call has put the row. Raises `ClientError` for any other refusal.

        The SDK repeats a call whose answer it has lost, and is then refused for the row that it put.
        """
        item = packed(row) | {_WRITER: uuid4().hex}
        there = refusing_item(
            lambda: self._table.put_item(
                Item=item,
                ConditionExpression="attribute_not_exists(request_id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        )
        return there is None or there.get(_WRITER) == item[_WRITER]

    def get(self, request_id: str) -> dict[str, Any] | None:
        """The whole row as JSON values. Raises `ClientError`."""
        # Consistent, as a caller asks for the row of the answer that it has just got.
        response = self._table.get_item(Key={"request_id": request_id}, ConsistentRead=True)
        return unpacked(response["Item"]) if "Item" in response else None

    def put_feedback(self, request_id: str, caller_id: str, feedback: dict[str, Any]) -> bool:
        """False where the key has no answered request of this id. Raises `ClientError` otherwise."""
        values = {":feedback": feedback, ":caller_id": caller_id, ":succeeded": "SUCCEEDED"}
        there = refusing_item(
            lambda: self._table.update_item(
                Key={"request_id": request_id},
                UpdateExpression="SET feedback = :feedback",
                ConditionExpression="caller_id = :caller_id AND #status = :succeeded",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=values,
            )
        )
        return there is None

    def newest(
        self,
        partition: tuple[str, str],
        first: str,
        last: str,
        *,
        equal: Mapping[str, str] | None = None,
        limit: int | None = None,
        after: dict[str, Any] | None = None,
    ) -> Page:
        """One query of an index, newest first: `partition` is the index and its day or caller.

        From `first` to `last`, both as `created_at` and included. `limit` counts the rows before
        those that are not `equal` are left out. At most 1 MB. Raises `ClientError`.
        """
        name, value = partition
        index = TimeIndex(name, PARTITION_OF[name], "created_at")
        page = newest_page(
            self._table, index, value, first, last, equal=equal, limit=limit, after=after
        )
        return replace(page, rows=[json_values(row) for row in page.rows])


def packed(row: Mapping[str, Any]) -> dict[str, Any]:
    """The item of a row: what lists, filters and sums need as attributes, the rest compressed in one,
    which makes it a third as dear to write."""
    details = {name: value for name, value in row.items() if name not in _ATTRIBUTES}
    listed = {name: value for name, value in row.items() if name in _ATTRIBUTES}
    if details:
        text = json.dumps(details, ensure_ascii=False, separators=(",", ":"))
        press = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
        listed[_DETAILS] = press.compress(text.encode("utf-8", "replace")) + press.flush()
    return listed


def unpacked(item: Mapping[str, Any]) -> dict[str, Any]:
    """The row of an item, JSON values; what an index holds of it stays as it is."""
    row = dict(item)
    row.pop(_WRITER, None)
    details = row.pop(_DETAILS, None)
    if details is None:
        return json_values(row)
    packed_details = bytes(details)
    # Rows of earlier versions have zlib's frame, which is six bytes; none without it begins like one.
    is_framed = packed_details[:1] == _FRAME
    text = zlib.decompress(packed_details, zlib.MAX_WBITS if is_framed else -zlib.MAX_WBITS)
    unpacked_details: dict[str, Any] = json.loads(text)
    return json_values(row) | unpacked_details


def row_of_image(image: Mapping[str, Any]) -> dict[str, Any]:
    """The row of an item as the table's stream has it: typed values, binary ones in Base64."""
    typed = dict(image)
    details = typed.pop(_DETAILS, None)
    item = untyped_item(typed)
    return unpacked(item if details is None else item | {_DETAILS: b64decode(details["B"])})


def json_values(item: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its numbers as they were put."""
    row: dict[str, Any] = json.loads(json.dumps(item, default=_number))
    return row


def _number(value: object) -> float:
    """A number of DynamoDB's as the shortest JSON that means the same."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is no JSON value")
    return int(value) if value == value.to_integral_value() else float(value)
