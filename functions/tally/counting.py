"""Counts finished requests exactly once, however often a batch comes and whatever is in it.

Each item knows up to which record of each shard it has counted, and is written only behind that:
what was killed, repeated or put together anew finds what is done already, and does the rest.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from functions.shared.money.caller_spend import Row, SpendItem, spend_items
from functions.shared.storage.state_table import Change, Mark, StateTable
from functions.shared.telemetry.observability import logger
from functions.tally.emission import lines_of
from functions.tally.stream import Batch, Record

_KEPT = timedelta(days=2)
"""The stream itself forgets a record after one."""

ChangeBy = Callable[[Sequence[Row]], Change]


def count(batch: Batch, state: StateTable) -> None:
    """Raises `ClientError` and `BotoCoreError` where an item cannot be written; then the batch has to
    come again."""
    by_item: dict[SpendItem, list[Record]] = defaultdict(list)
    for record in batch.records:
        for item in spend_items(_finished_at(record)):
            by_item[item].append(record)
    for item, records in by_item.items():
        _once(batch.shard, records, state, item.change)
    lines = {record.sequence: list(lines_of(record.row)) for record in batch.records}
    expires_at = int((datetime.now(UTC) + _KEPT).timestamp())
    cursor = Change(f"tally#{batch.shard}", expires_at, {})
    new = _once(batch.shard, batch.records, state, lambda _: cursor)
    # Nothing stands between the cursor and this one write: a kill here loses these lines at most.
    sys.stdout.write("".join(f"{line}\n" for one in new for line in lines[one.sequence]))
    if len(new) < len(batch.records):
        known = [one.row["request_id"] for one in batch.records[: -len(new) or None]]
        logger.warning("counted before", request_ids=known)


def _once(
    shard: str, records: Sequence[Record], state: StateTable, change_by: ChangeBy
) -> Sequence[Record]:
    """The records that were new to the item, which has counted them now."""
    writer = uuid4().hex
    while records:
        mark = Mark(shard, records[0].sequence, records[-1].sequence, writer)
        counted_to = state.add_once(change_by([one.row for one in records]), mark)
        if counted_to is None:
            break
        records = [record for record in records if record.sequence > counted_to]
    return records


def _finished_at(record: Record) -> datetime:
    return datetime.fromisoformat(record.row["finished_at"])
