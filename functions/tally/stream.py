"""What the request log's stream hands over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions.shared.storage.request_log import row_of_image

_DIGITS = 40
"""The most that a sequence number has:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html"""


@dataclass(frozen=True)
class Record:
    """A new row, and its place in the shard, as a `Mark` has it."""

    sequence: str
    row: dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """Records of one shard, in its order."""

    shard: str
    records: list[Record]


def batch_of(event: Mapping[str, Any]) -> Batch:
    """Lambda names the shard only where the event source has tumbling windows; at the end of one
    there may be no record."""
    records = [record["dynamodb"] for record in event.get("Records", ())]
    return Batch(
        event["shardId"],
        [
            Record(one["SequenceNumber"].zfill(_DIGITS), row_of_image(one["NewImage"]))
            for one in records
        ],
    )
