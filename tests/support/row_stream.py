"""Rows of the request log as its table's stream hands them over, and the lines that they leave."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from functions.record_metrics.finished_request import FinishedRequest
from functions.record_metrics.rows import row_of
from functions.shared.contracts.states import Attempt, RecordInput, json_of
from functions.shared.storage.request_log import packed, unpacked
from functions.tally.emission import lines_of

SHARD = "shardId-00000001795000000000-00000001"


def stream_event(
    items: Iterable[Mapping[str, Any]], first: int = 1, shard: str = SHARD
) -> dict[str, Any]:
    """A batch of new items, numbered from `first` on."""
    return {
        "shardId": shard,
        "Records": [
            {
                "eventName": "INSERT",
                "eventSource": "aws:dynamodb",
                "dynamodb": {"SequenceNumber": str(number), "NewImage": image(item)},
            }
            for number, item in enumerate(items, start=first)
        ],
    }


def image(item: Mapping[str, Any]) -> dict[str, Any]:
    typed = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    # A JSON event has no bytes.
    return json.loads(json.dumps(typed, default=_base64))


def _base64(value: Any) -> str:
    """Of boto3's `Binary`, or of bytes."""
    return base64.b64encode(bytes(value)).decode()


def item_of(event: RecordInput, now: datetime, trace_id: str = "1-abc") -> dict[str, Any]:
    """As Record Metrics puts it."""
    return packed(row_of(FinishedRequest(event, now, trace_id), 30))


def row_with(event: RecordInput, attempts: Iterable[Attempt], now: datetime) -> dict[str, Any]:
    """The row of a request with other attempts than its own."""
    row = row_of(FinishedRequest(event, now, ""), 30)
    return row | {"attempts": [json_of(attempt) for attempt in attempts]}


def metric_lines(events: Sequence[RecordInput], now: datetime) -> list[dict[str, Any]]:
    """All that these requests leave."""
    rows = [unpacked(item_of(event, now)) for event in events]
    return [json.loads(line) for row in rows for line in lines_of(row)]
