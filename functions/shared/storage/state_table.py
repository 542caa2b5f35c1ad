"""What requests leave for later ones: counts, and the models of conversations."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from functions.shared.storage.conditions import refusing_item
from functions.shared.storage.expressions import Expressions, any_of
from functions.shared.storage.tables import table


@dataclass(frozen=True)
class Change:
    """What to add to an item, and what to set in it, by attribute."""

    state_id: str
    expires_at: int
    """Epoch seconds."""
    added: Mapping[str, int]
    latest: Mapping[str, int | str] = field(default_factory=dict)
    members: Mapping[str, set[int]] = field(default_factory=dict)
    """Numbers to add to sets of them."""


@dataclass(frozen=True)
class Mark:
    """A piece of a shard of a stream, from the record `first` to `last`, as `writer` counts it.

    A record's sequence number grows within its shard; it is written with 40 digits, the most that it
    has, so that texts compare as the numbers do.
    """

    shard: str
    first: str
    last: str
    writer: str


class StateTable:
    """Items that have a time to live, by `state_id`."""

    def __init__(self, table_name: str) -> None:
        self.name = table_name
        self._table = table(table_name)

    def read(
        self, state_ids: Iterable[str], *, consistent: bool = False
    ) -> dict[str, dict[str, Any]]:
        """The items that exist and have not expired, by id; a round trip for each hundred.

        Reads may lag behind writes by a moment, unless they are `consistent`. Raises `ClientError`,
        also where the table answers for some of them only, and `BotoCoreError`.
        """
        keys = ({"state_id": state_id} for state_id in state_ids)
        items = self._table.read_items(keys, consistent=consistent)
        now_s = time.time()
        return {str(item["state_id"]): item for item in items if item["expires_at"] > now_s}

    def add(self, change: Change) -> None:
        """Counts up, whether or not the item exists. Raises `ClientError` and `BotoCoreError`."""
        at = Expressions()
        self._table.update_item(
            Key={"state_id": change.state_id}, **at.arguments(UpdateExpression=_update(at, change))
        )

    def add_once(self, change: Change, mark: Mark) -> str | None:
        """Counts up, unless the item has counted a record of the mark or a later one of the same shard:
        then it says up to where. Raises `ClientError` and `BotoCoreError`.

        The SDK repeats a call whose answer it has lost, and is then refused for what it wrote itself.
        """
        name, value = f"counted_to#{mark.shard}", f"{mark.last} {mark.writer}"
        marked = replace(change, latest={**change.latest, name: value})
        at = Expressions()
        update = at.arguments(
            UpdateExpression=_update(at, marked),
            ConditionExpression=any_of(at.absent(name), at.is_(name, "<", mark.first)),
        )
        there = refusing_item(
            lambda: self._table.update_item(
                Key={"state_id": change.state_id},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **update,
            )
        )
        if there is None or there[name] == value:
            return None
        return str(there[name]).partition(" ")[0]

    def keep_session_model(self, session: str, model: str, expires_at: int) -> None:
        """`expires_at` in epoch seconds. Raises `ClientError` and `BotoCoreError`."""
        self._table.put_item(Item={"state_id": session, "model": model, "expires_at": expires_at})


def _update(at: Expressions, change: Change) -> str:
    counted: dict[str, int | set[int]] = {**change.added, **change.members}
    terms = ", ".join(f"{at.name(name)} {at.value(value)}" for name, value in counted.items())
    sets = {**change.latest, "expires_at": change.expires_at}
    assignments = ", ".join(at.is_(name, "=", value) for name, value in sets.items())
    return f"{f'ADD {terms} ' if terms else ''}SET {assignments}"


def session_state_id(caller_id: str, session_id: str) -> str:
    """A conversation belongs to the key that began it."""
    return f"session#{caller_id}#{session_id}"
