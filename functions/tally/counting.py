"""Counts finished requests exactly once, however often a batch comes and whatever is in it.

Each item knows up to which record of each shard it has counted, and is written only behind that:
what was killed, repeated or put together anew finds what is done already, and does the rest.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from functions.shared.money.caller_spend import Row, spend_changes
from functions.shared.storage.state_table import Change, Mark, StateTable
from functions.shared.telemetry.observability import logger
from functions.tally.emission import lines_of
from functions.tally.health import health_changes
from functions.tally.stream import Batch, Record

_KEPT = timedelta(days=2)
"""The stream itself forgets a record after one."""


@dataclass(frozen=True)
class _Counted:
    """What a record adds to an item."""

    record: Record
    change: Change


def count(batch: Batch, state: StateTable) -> None:
    """Raises `ClientError` and `BotoCoreError` where an item cannot be written; then the batch has to
    come again."""
    by_item: dict[str, list[_Counted]] = defaultdict(list)
    for record in batch.records:
        for change in _changes(record.row):
            by_item[change.state_id].append(_Counted(record, change))
    for counted in by_item.values():
        _once(batch.shard, counted, state)
    lines = {record.sequence: list(lines_of(record.row)) for record in batch.records}
    expires_at = int((datetime.now(UTC) + _KEPT).timestamp())
    cursor = Change(f"tally#{batch.shard}", expires_at, {})
    new = _once(batch.shard, [_Counted(record, cursor) for record in batch.records], state)
    # Nothing stands between the cursor and this one write: a kill here loses these lines at most.
    sys.stdout.write("".join(f"{line}\n" for one in new for line in lines[one.record.sequence]))
    if len(new) < len(batch.records):
        known = [one.row["request_id"] for one in batch.records[: -len(new) or None]]
        logger.warning("counted before", request_ids=known)


def _changes(row: Row) -> Iterator[Change]:
    yield from spend_changes(row)
    yield from health_changes(row)


def _once(shard: str, counted: Sequence[_Counted], state: StateTable) -> Sequence[_Counted]:
    """Of what is added to one item, what was new to it; it has counted that now."""
    writer = uuid4().hex
    while counted:
        mark = Mark(shard, counted[0].record.sequence, counted[-1].record.sequence, writer)
        counted_to = state.add_once(_together([one.change for one in counted]), mark)
        if counted_to is None:
            break
        counted = [one for one in counted if one.record.sequence > counted_to]
    return counted


def _together(changes: Sequence[Change]) -> Change:
    """As if they were made one after the other. Of what is set, times and texts that begin with one, the
    latest stays."""
    added: Counter[str] = Counter()
    latest: dict[str, int | str] = {}
    members: dict[str, set[int]] = defaultdict(set)
    for change in changes:
        added.update(change.added)
        for name, value in change.latest.items():
            latest[name] = max(latest.get(name, value), value, key=str)
        for name, numbers in change.members.items():
            members[name] |= numbers
    expires_at = max(change.expires_at for change in changes)
    return Change(changes[0].state_id, expires_at, added, latest, members)
