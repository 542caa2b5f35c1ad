"""Holds the engine's books of a run to the ledger of the exchange, call by call and in sum."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from functions.shared.money.budget import Budget
from functions.shared.never_ran import NEVER_RAN
from functions.shared.vocabulary import nano_usd
from local.faults.exchange import LedgerCall

_ENDED_FROM_OUTSIDE = ("Runtime.ExitError", "Sandbox.Timedout", "States.Timeout", "Aborted")
Row = Mapping[str, Any]
"""Of the request log, as `GET /requests/{id}` shows it."""


@dataclass(frozen=True)
class Booked:
    """An attempt of a row. `known` is for usage that the provider told, `guessed` for usage that was estimated,
    `possible` where nothing was told; in nano-dollars."""

    mark: str
    model: str
    outcome: str
    left: bool
    known: int
    guessed: int
    possible: int


@dataclass(frozen=True)
class Books:
    """What the engine says of the whole run, in nano-dollars. `budget` is that of all callers together, an
    empty one where nothing limits them."""

    rows: Sequence[Row]
    metrics: int
    by_caller: int
    emf: int
    emf_possible: int
    emf_requests: int
    budget: Budget = field(default_factory=lambda: Budget({}))


def booked(row: Row) -> list[Booked]:
    return [_booked(mark_in(row), attempt) for attempt in row.get("attempts", [])]


def mark_in(row: Row) -> str:
    profile = row.get("profile") or {}
    return str(profile.get("metadata", {}).get("load", ""))


def _booked(mark: str, attempt: Mapping[str, Any]) -> Booked:
    cost = nano(attempt.get("cost_usd", 0))
    is_guess = bool((attempt.get("usage") or {}).get("estimated"))
    return Booked(
        mark=mark,
        model=attempt["model"],
        outcome=attempt["outcome"],
        left=_left(attempt),
        known=0 if is_guess else cost,
        guessed=cost if is_guess else 0,
        possible=nano(attempt.get("possibly_billed_usd", 0)),
    )


def _left(attempt: Mapping[str, Any]) -> bool:
    """Whether anything was sent to a provider."""
    message = str(attempt.get("message") or "")
    never = attempt["provider"] == "local" or attempt["outcome"] in NEVER_RAN
    return not (never or message.endswith("cannot be reached."))


def nano(amount: Any) -> int:
    return nano_usd(Decimal(str(amount)))


@dataclass(frozen=True)
class Audit:
    """The same money on both sides, in nano-dollars, and every call whose two entries do not fit each other."""

    calls: Sequence[LedgerCall]
    attempts: Sequence[Booked]
    mismatches: Sequence[str]
    unseen: int
    """Attempts whose function was ended from outside, and of which no provider knows."""

    @property
    def left(self) -> int:
        return sum(one.left for one in self.attempts) - self.unseen

    @property
    def ledger_known(self) -> int:
        return sum(call.cost_nano_usd for call in self.calls if call.told)

    @property
    def rows_known(self) -> int:
        return sum(one.known for one in self.attempts)

    @property
    def ledger_untold(self) -> int:
        return sum(call.cost_nano_usd for call in self.calls if not call.told)

    @property
    def untold_calls(self) -> int:
        return sum(bool(call.usage) and not call.told for call in self.calls)

    @property
    def guessed(self) -> int:
        return sum(one.guessed for one in self.attempts)

    @property
    def possible(self) -> int:
        return sum(one.possible for one in self.attempts)

    @property
    def factor(self) -> Decimal | None:
        """How many times the truth is what the rows say of what nobody told them."""
        if not self.ledger_untold:
            return None
        return Decimal(self.guessed + self.possible) / self.ledger_untold


def audited(calls: Sequence[LedgerCall], rows: Iterable[Row]) -> Audit:
    attempts = [one for row in rows for one in booked(row)]
    ledger: dict[str, list[LedgerCall]] = defaultdict(list)
    entries: dict[str, list[Booked]] = defaultdict(list)
    for call in calls:
        ledger[call.mark].append(call)
    for one in attempts:
        if one.left:
            entries[one.mark].append(one)
    unseen, mismatches, heard = 0, [], list[LedgerCall]()
    for mark in dict.fromkeys([*ledger, *entries]):
        arrived = _arrived(ledger[mark], entries[mark])
        unseen += len(entries[mark]) - len(arrived)
        of_mark = _as_heard(ledger[mark], arrived)
        mismatches += _mismatches(mark, of_mark, arrived)
        heard += of_mark
    return Audit(heard, attempts, mismatches, unseen)


def _as_heard(calls: list[LedgerCall], entries: list[Booked]) -> list[LedgerCall]:
    """A function that was ended from outside knows what it had kept by then, though more was told to it."""
    if len(calls) != len(entries):
        return calls
    return [
        replace(call, told=one.known > 0) if one.outcome in _ENDED_FROM_OUTSIDE else call
        for call, one in zip(calls, entries, strict=True)
    ]


def _arrived(calls: list[LedgerCall], entries: list[Booked]) -> list[Booked]:
    """Without those whose function was ended from outside before it called anybody, which the engine cannot
    know."""
    models = iter(call.catalogue_id for call in calls)
    expected = next(models, None)
    arrived = []
    for one in entries:
        if one.outcome in _ENDED_FROM_OUTSIDE and one.model != expected:
            continue
        arrived.append(one)
        expected = next(models, None)
    return arrived


def _mismatches(mark: str, calls: list[LedgerCall], entries: list[Booked]) -> list[str]:
    if len(calls) != len(entries):
        ours = ", ".join(f"{one.model} {one.outcome}" for one in entries) or "nothing"
        theirs = ", ".join(f"{call.catalogue_id} {call.fault.name}" for call in calls) or "nothing"
        return [f"{mark}: the providers have {theirs}; the row has {ours}"]
    return [
        f"{mark}: {call.catalogue_id} {call.fault.name}, {call.cost_nano_usd} nano-dollars; booked as "
        f"{one.outcome} of {one.model}, {one.known} known, {one.guessed} guessed, {one.possible} possible"
        for call, one in zip(calls, entries, strict=True)
        if not _fits(call, one)
    ]


def _fits(call: LedgerCall, one: Booked) -> bool:
    if call.catalogue_id != one.model:
        return False
    unknown = one.guessed + one.possible
    if call.usage and not call.told:
        return one.known == 0 and unknown > 0
    if one.outcome in _ENDED_FROM_OUTSIDE and not call.told:
        # Of a refusal that its function did not live to keep nobody knows that it costs nothing.
        return one.known == 0
    return (one.known, unknown) == (call.cost_nano_usd, 0)
