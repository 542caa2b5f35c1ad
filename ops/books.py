"""Where budgets, the rows of the request log, the calls that were kept, and the metrics differ.

What calls were charged is known to three: their rows, the budgets they were held against and, for two days,
the items that each call keeps of itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.shared.caller import Caller
from functions.shared.money.budget import (
    ASSUMED,
    OPENING,
    Budget,
    Hold,
    limits_by_id,
    period_names,
)
from functions.shared.money.budget_table import SETTLED
from functions.shared.money.job_calls import kept_call
from functions.shared.vocabulary import usd
from functions.sweep.leftovers import DAYS_KEPT
from training.routing.request_rows import days

_SETTLES = timedelta(minutes=2)
"""A hold that has expired is closed by then."""
_AT_REST = timedelta(seconds=870) + _SETTLES
"""A request that began before has ended and is recorded: the longest deadline that a stage may have."""
_CALLS_KEPT = (timedelta(days=2), timedelta(days=40))
"""By functions/shared/money/job_calls.py; an item's end is so long behind the last call of its request."""
_FIGURES_WAIT = timedelta(minutes=5)
FIGURES_PERIOD_S = 300
"""Of metrics, which CloudWatch keeps so for 63 days."""
_SAME_NANO_USD = 1_000
"""CloudWatch adds up doubles."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Window:
    """From the first moment of a day on; metrics are compared up to `figures_end`."""

    start: datetime
    now: datetime

    @classmethod
    def before(cls, now: datetime, since: timedelta, kept: timedelta) -> Window:
        """`kept` is how long the log keeps a row: of a day that is older, some are gone."""
        longest = min(kept, DAYS_KEPT) - timedelta(days=1)
        first = now - min(since, longest)
        return cls(first.replace(hour=0, minute=0, second=0, microsecond=0), now)

    @property
    def figures_end(self) -> datetime:
        late = int((self.now - _FIGURES_WAIT).timestamp())
        return datetime.fromtimestamp(late - late % FIGURES_PERIOD_S, UTC)

    @property
    def names(self) -> list[str]:
        """The attributes of its days, and of its months that began in it."""
        found = [period_names(day) for day in days(self.start, self.now)]
        first = f"{self.start:%Y-%m-%d}"
        months = {
            one["month"] for one in found if f"{one['month'].removeprefix('month#')}-01" >= first
        }
        return [*(one["day"] for one in found), *sorted(months)]


@dataclass(frozen=True)
class Doubt:
    """An attempt whose row does not know what it was charged."""

    request_id: str
    attempt: int
    day: str


@dataclass
class Logged:
    """What the rows say: by budget and period what was charged, what is doubtful, and the costs that are
    in the metrics' window."""

    charged: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    doubts: dict[str, list[Doubt]] = field(default_factory=lambda: defaultdict(list))
    request_ids: set[str] = field(default_factory=set)
    cost_nano_usd: int = 0

    def add(self, row: Row, ledger: Mapping[str, Row], window: Window) -> None:
        self.request_ids.add(row["request_id"])
        if window.start <= datetime.fromisoformat(row["finished_at"]) < window.figures_end:
            self.cost_nano_usd += row["cost_nano_usd"]
        ids, kept = _budgets_of(row), ledger.get(row["request_id"], {})
        for number, attempt in enumerate(row.get("attempts", ()), start=1):
            charged = attempt.get("charged_nano_usd", 0)
            if attempt.get("possibly_billed_nano_usd"):
                call = kept_call(kept, number)
                charged = call.charged_nano_usd if call else charged
                if not call and not charged:
                    doubt = Doubt(row["request_id"], number, row["day"])
                    for id_ in ids:
                        self.doubts[id_].append(doubt)
            for id_ in ids:
                self.charged[id_].update(dict.fromkeys(period_names(row["day"]).values(), charged))


def _budgets_of(row: Row) -> list[str]:
    caller = Caller.model_validate(row.get("profile", {}).get("caller", {}))
    return list(limits_by_id(row["caller_id"], caller))


@dataclass(frozen=True)
class Kept:
    """What is compared with the rows: budgets by id, the calls' items by request, who has ended a job."""

    budgets: Mapping[str, Budget]
    ledger: Mapping[str, Row]
    jobs: Mapping[str, datetime]
    figures_nano_usd: int


@dataclass(frozen=True)
class Findings:
    """`running` are requests that are left out."""

    differences: list[str]
    running: int


def compare(logged: Logged, kept: Kept, window: Window, names: Mapping[str, str]) -> Findings:
    """`names` are those of callers, by the ids of their budgets."""
    young = {
        id_
        for id_, item in kept.ledger.items()
        if _last_kept(item, window.now) > window.now - _AT_REST
    }
    young |= {id_ for id_, ended in kept.jobs.items() if ended > window.now - _AT_REST}
    running = {id_ for id_ in young if id_ not in logged.request_ids}
    in_flight = sum(_charged(kept.ledger.get(id_, {})) for id_ in running)
    open_holds = {
        hold.request_id
        for budget in kept.budgets.values()
        for hold in budget.holds()
        if not _is_left(hold, window)
    }
    lines = [
        f"{names.get(id_, id_)}: {line}"
        for id_ in sorted({*kept.budgets, *logged.charged})
        for line in _of_budget(id_, logged, kept.budgets.get(id_, Budget({})), in_flight, window)
    ]
    lines += _without_row(kept, logged, running)
    if abs(kept.figures_nano_usd - logged.cost_nano_usd) > _SAME_NANO_USD:
        lines.append(
            f"metrics: CostUsd is {_usd(kept.figures_nano_usd)}, the rows' {_usd(logged.cost_nano_usd)}"
        )
    return Findings(lines, len(running | open_holds))


def _of_budget(
    id_: str, logged: Logged, budget: Budget, in_flight: int, window: Window
) -> Iterator[str]:
    for name in window.names:
        rows = logged.charged[id_][name] + _assumed(logged.doubts[id_], budget, name)
        settled = budget.settled(name) - budget.committed(OPENING + name)
        if not 0 <= settled - rows <= in_flight:
            yield f"{name}: charged {_usd(settled)}, the rows {_usd(rows)}"
    settled = budget.settled("total") - budget.committed(OPENING + "total")
    if settled != budget.committed(SETTLED):
        yield f"total: committed {_usd(settled)}, settled {_usd(budget.committed(SETTLED))}"
    for hold in budget.holds():
        if _is_left(hold, window):
            ended = datetime.fromtimestamp(hold.expires_at_s, UTC)
            yield f"{hold.key}: {_usd(hold.nano_usd)} are held since its end, {ended:%Y-%m-%d %H:%M}"


def _assumed(doubts: Iterable[Doubt], budget: Budget, name: str) -> int:
    """What was charged in full, as neither row nor call knows better."""
    held = {hold.key: hold.nano_usd for hold in budget.holds(ASSUMED)}
    return sum(
        held.get(f"{doubt.request_id}#{doubt.attempt}", 0)
        for doubt in doubts
        if name in period_names(doubt.day).values()
    )


def _without_row(kept: Kept, logged: Logged, running: set[str]) -> Iterator[str]:
    for id_ in sorted(kept.ledger.keys() - logged.request_ids - running):
        yield f"{id_}: was called and charged {_usd(_charged(kept.ledger[id_]))}, and has no row"
    for id_ in sorted(kept.jobs.keys() - kept.ledger.keys() - logged.request_ids - running):
        yield f"{id_}: the job has ended, and has no row"


def _is_left(hold: Hold, window: Window) -> bool:
    return hold.expires_at_s < (window.now - _SETTLES).timestamp()


def _last_kept(item: Row, now: datetime) -> datetime:
    ends = datetime.fromtimestamp(int(item["expires_at"]), UTC)
    return max((ends - kept for kept in _CALLS_KEPT if ends - kept <= now), default=now)


def _charged(item: Row) -> int:
    numbers = [int(name.removeprefix("call_")) for name in item if name.startswith("call_")]
    calls = [kept_call(item, number) for number in numbers]
    return sum(call.charged_nano_usd for call in calls if call)


def _usd(nano_usd: int) -> str:
    return f"{usd(nano_usd).normalize():f} USD"
