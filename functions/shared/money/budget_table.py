"""Budgets in DynamoDB: one plain conditional write to hold, and one to settle.

An item has all of its periods and all of its open holds, so that writes to it come one after the other and
need no transaction. Each write says by its condition whether it is a repeat, of the SDK's or of ours.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key

from functions.shared.caller import Caller, Limits
from functions.shared.money.budget import (
    ALERTED,
    ASSUMED,
    HOLD,
    OPENING,
    REFUSED,
    TOKENS,
    Budget,
    Hold,
    conditions_of,
    limits_by_id,
    period_names,
)
from functions.shared.storage.batches import read_items
from functions.shared.storage.conditions import refusing_item

OPEN_INDEX, OPEN, _IS_OPEN = "open", "open", "1"
"""The index of the budgets that may have open holds, and the attribute that puts them there."""
SETTLED, RESERVES = "settled", "reserves"
"""What was charged in all, and how often the item was put into the index."""


@dataclass(frozen=True)
class _Write:
    """Of one item: what to add to its numbers, what to set and what to remove."""

    added: Mapping[str, int] = field(default_factory=dict)
    assigned: Mapping[str, str | int] = field(default_factory=dict)
    removed: tuple[str, ...] = ()

    def to_arguments(self, id_: str) -> dict[str, Any]:
        names = [*self.added, *self.assigned, *self.removed]
        at = {name: f"#{number}" for number, name in enumerate(names)}
        values = {**self.added, **self.assigned}
        parts = {
            "ADD": [f"{at[name]} :{at[name][1:]}" for name in self.added],
            "SET": [f"{at[name]} = :{at[name][1:]}" for name in self.assigned],
            "REMOVE": [at[name] for name in self.removed],
        }
        expression = " ".join(
            f"{verb} {', '.join(terms)}" for verb, terms in parts.items() if terms
        )
        arguments: dict[str, Any] = {
            "Key": {"budget_id": id_},
            "UpdateExpression": expression,
            "ExpressionAttributeNames": {place: name for name, place in at.items()},
        }
        if values:  # DynamoDB takes no empty one
            told = {f":{at[name][1:]}": value for name, value in values.items()}
            arguments["ExpressionAttributeValues"] = told
        return arguments


class BudgetTable:
    """Items by `budget_id`. Every method raises `ClientError` and `BotoCoreError` where the table refuses
    or does not answer."""

    def __init__(self, table: Any) -> None:
        """`table` is boto3's."""
        self._table = table

    def read(self, id_: str) -> Budget:
        found = self._table.get_item(Key={"budget_id": id_}, ConsistentRead=True)
        return Budget(found.get("Item", {}))

    def holding(self, caller_id: str, caller: Caller) -> Budget:
        """The last of the budgets that the caller's calls are held against, as they are made once it holds
        them; an empty one where there is none."""
        ids = list(limits_by_id(caller_id, caller))
        return self.read(ids[-1]) if ids else Budget({})

    def read_all(self, ids: Collection[str]) -> dict[str, Budget]:
        """By their ids, as the last write left them; a round trip for each hundred."""
        keys = ({"budget_id": id_} for id_ in ids)
        items = read_items(self._table.name, keys, consistent=True)
        found = {str(item["budget_id"]): Budget(item) for item in items}
        return {id_: found.get(id_, Budget({})) for id_ in ids}

    def open_ids(self) -> list[str]:
        """The budgets that may have open holds, as the index knows them by now."""
        arguments = {"IndexName": OPEN_INDEX, "KeyConditionExpression": Key(OPEN).eq(_IS_OPEN)}
        ids: list[str] = []
        while True:
            page = self._table.query(**arguments)
            ids += [item["budget_id"] for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return ids
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def reserve(self, id_: str, limits: Limits, hold: Hold) -> Budget | None:
        """None once the hold is open, else the budget that does not pay for it; or that has a hold of
        this call already, by another writer, or was charged for one that was given up: see `Budget.hold`.
        `hold` is as `Hold.under` these limits."""
        conditions = list(conditions_of(limits, hold))
        if any(most < 0 for _, most in conditions):
            return self.read(id_)
        name = HOLD + hold.key
        added = dict.fromkeys(period_names(hold.day).values(), hold.nano_usd)
        if hold.tokens:
            added[TOKENS + hold.minute] = hold.tokens
        write = _Write(added | {RESERVES: 1}, {name: hold.to_text(), OPEN: _IS_OPEN})
        condition: ConditionBase = Attr(name).not_exists() & Attr(ASSUMED + hold.key).not_exists()
        for attribute, most in conditions:
            condition &= Attr(attribute).not_exists() | Attr(attribute).lte(most)
        there = self._write(id_, write, condition)
        if there is None or there.get(name) == hold.to_text():
            return None
        return Budget(there)

    def settle(self, id_: str, hold: Hold, charged_nano_usd: int, tokens: int) -> bool:
        """Whether this settled it: what was held becomes what was billed. Of a hold that was given up
        meanwhile and charged in full, the difference is settled; a repeat changes nothing."""
        for prefix, committed, settled in (
            (HOLD, hold.nano_usd, 0),
            (ASSUMED, hold.assumed, hold.assumed),
        ):
            name = prefix + hold.key
            added = self._differences(hold, charged_nano_usd - committed)
            added[SETTLED] = charged_nano_usd - settled
            if hold.tokens:
                added[TOKENS + hold.minute] = tokens - hold.tokens
            write = _Write(added, removed=(name,))
            there = self._write(id_, write, Attr(name).eq(hold.to_text()))
            if there is None:
                return True
            if ASSUMED + hold.key not in there:
                return False
        return False

    def assume(self, id_: str, hold: Hold) -> bool:
        """Whether this gave it up: it is charged as if all of it were billed, until the truth comes late."""
        name = HOLD + hold.key
        added = self._differences(hold, hold.assumed - hold.nano_usd) | {SETTLED: hold.assumed}
        write = _Write(added, {ASSUMED + hold.key: hold.to_text()}, (name,))
        return self._write(id_, write, Attr(name).eq(hold.to_text())) is None

    def note_refusal(self, id_: str, name: str, limit_nano_usd: int) -> None:
        """That a request was refused for this limit on a period: its owner is to be told, once."""
        note, told = Attr(REFUSED + name), str(limit_nano_usd)
        write = _Write({RESERVES: 1}, {REFUSED + name: told, OPEN: _IS_OPEN})
        self._write(id_, write, note.not_exists() | note.ne(told))

    def tell(self, id_: str, name: str, before: str | None, after: str) -> bool:
        """Whether by this write, and no other one, what was told of a period's limit became another text."""
        told = Attr(ALERTED + name)
        unchanged = told.not_exists() if before is None else told.eq(before)
        return self._write(id_, _Write(assigned={ALERTED + name: after}), unchanged) is None

    def remove(self, id_: str, names: tuple[str, ...]) -> None:
        self._write(id_, _Write(removed=names), Attr("budget_id").exists())

    def close(self, id_: str, reserves: int) -> bool:
        """Whether this took it out of the index: not where it was put there again since it was read."""
        unchanged = Attr(RESERVES).eq(reserves)
        return self._write(id_, _Write(removed=(OPEN,)), unchanged) is None

    def take_over(self, id_: str, period: str, spent_nano_usd: int) -> bool:
        """Whether what was spent of a period, by the name of its attribute, before it had a limit is committed
        in it now: not where a call has been held in it already."""
        opening = OPENING + period
        write = _Write(assigned={period: spent_nano_usd, opening: spent_nano_usd})
        condition = Attr(period).not_exists() | Attr(period).eq(Attr(opening))
        return self._write(id_, write, condition) is None

    @staticmethod
    def _differences(hold: Hold, change: int) -> dict[str, int]:
        return dict.fromkeys(period_names(hold.day).values(), change)

    def _write(self, id_: str, write: _Write, condition: ConditionBase) -> dict[str, Any] | None:
        """None once it is written, else the item that the condition does not hold for."""
        return refusing_item(
            lambda: self._table.update_item(
                **write.to_arguments(id_),
                ConditionExpression=condition,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        )
