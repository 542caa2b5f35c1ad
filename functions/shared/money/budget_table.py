"""Budgets in DynamoDB: one plain conditional write to hold, and one to settle.

An item has all of its periods and all of its open holds, so that writes to it come one after the other and
need no transaction. Each write says by its condition whether it is a repeat, of the SDK's or of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

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
from functions.shared.storage.conditions import refusing_item
from functions.shared.storage.expressions import Expressions, all_of, any_of
from functions.shared.storage.tables import Table

OPEN_INDEX, OPEN, _IS_OPEN = "open", "open", "1"
"""The index of the budgets that may have open holds, and the attribute that puts them there."""
SETTLED, RESERVES = "settled", "reserves"
"""What was charged in all, and how often the item was put into the index."""

Condition = Callable[[Expressions], str]


@dataclass(frozen=True)
class _Write:
    """Of one item: what to add to its numbers, what to set and what to remove."""

    added: Mapping[str, int] = field(default_factory=dict)
    assigned: Mapping[str, str | int] = field(default_factory=dict)
    removed: tuple[str, ...] = ()

    def expression(self, at: Expressions) -> str:
        parts = {
            "ADD": [f"{at.name(name)} {at.value(added)}" for name, added in self.added.items()],
            "SET": [at.is_(name, "=", value) for name, value in self.assigned.items()],
            "REMOVE": [at.name(name) for name in self.removed],
        }
        return " ".join(f"{verb} {', '.join(terms)}" for verb, terms in parts.items() if terms)


class BudgetTable:
    """Items by `budget_id`. Every method raises `ClientError` and `BotoCoreError` where the table refuses
    or does not answer."""

    def __init__(self, table: Table) -> None:
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
        items = self._table.read_items(keys, consistent=True)
        found = {str(item["budget_id"]): Budget(item) for item in items}
        return {id_: found.get(id_, Budget({})) for id_ in ids}

    def open_ids(self) -> list[str]:
        """The budgets that may have open holds, as the index knows them by now."""
        at = Expressions()
        is_open = at.arguments(KeyConditionExpression=at.is_(OPEN, "=", _IS_OPEN))
        items = self._table.query_all(IndexName=OPEN_INDEX, **is_open)
        return [item["budget_id"] for item in items]

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

        def is_free(at: Expressions) -> str:
            room = (
                any_of(at.absent(attribute), at.is_(attribute, "<=", most))
                for attribute, most in conditions
            )
            return all_of((at.absent(name), at.absent(ASSUMED + hold.key), *room))

        there = self._write(id_, write, is_free)
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
            there = self._write(id_, write, _is(name, hold.to_text()))
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
        return self._write(id_, write, _is(name, hold.to_text())) is None

    def note_refusal(self, id_: str, name: str, limit_nano_usd: int) -> None:
        """That a request was refused for this limit on a period: its owner is to be told, once."""
        note, told = REFUSED + name, str(limit_nano_usd)
        write = _Write({RESERVES: 1}, {note: told, OPEN: _IS_OPEN})
        self._write(id_, write, lambda at: any_of(at.absent(note), at.is_(note, "<>", told)))

    def tell(self, id_: str, name: str, before: str | None, after: str) -> bool:
        """Whether by this write, and no other one, what was told of a period's limit became another text."""
        told = ALERTED + name
        unchanged = _is(told, before) if before is not None else lambda at: at.absent(told)
        return self._write(id_, _Write(assigned={told: after}), unchanged) is None

    def remove(self, id_: str, names: tuple[str, ...]) -> None:
        self._write(id_, _Write(removed=names), lambda at: at.present("budget_id"))

    def close(self, id_: str, reserves: int) -> bool:
        """Whether this took it out of the index: not where it was put there again since it was read."""
        return self._write(id_, _Write(removed=(OPEN,)), _is(RESERVES, reserves)) is None

    def take_over(self, id_: str, period: str, spent_nano_usd: int) -> bool:
        """Whether what was spent of a period, by the name of its attribute, before it had a limit is committed
        in it now: not where a call has been held in it already."""
        opening = OPENING + period
        write = _Write(assigned={period: spent_nano_usd, opening: spent_nano_usd})
        return (
            self._write(
                id_,
                write,
                lambda at: any_of(at.absent(period), f"{at.name(period)} = {at.name(opening)}"),
            )
            is None
        )

    @staticmethod
    def _differences(hold: Hold, change: int) -> dict[str, int]:
        return dict.fromkeys(period_names(hold.day).values(), change)

    def _write(self, id_: str, write: _Write, condition: Condition) -> dict[str, Any] | None:
        """None once it is written, else the item that the condition does not hold for."""
        at = Expressions()
        expressions = {
            "UpdateExpression": write.expression(at),
            "ConditionExpression": condition(at),
        }
        return refusing_item(
            lambda: self._table.update_item(
                Key={"budget_id": id_},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **at.arguments(**expressions),
            )
        )


def _is(name: str, value: str | int) -> Condition:
    return lambda at: at.is_(name, "=", value)
