"""Where budgets, the rows of the request log, the calls that were kept, and the metrics differ.

What calls were charged is known to three: their rows, the budgets they were held against and, for two days,
the items that each call keeps of itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.shared.caller import Caller
from functions.shared.money.budget import (
    OPENING,
    Budget,
    Hold,
    limits_by_id,
    period_names,
)
from functions.shared.money.budget_table import SETTLED
from functions.shared.money.job_calls import KEPT_OF_LIMITED, kept_call
from functions.shared.vocabulary import usd
from functions.sweep.leftovers import DAYS_KEPT
from training.routing.request_rows import days

_SETTLES = timedelta(minutes=2)
"""A hold that has expired is closed by then."""
_AT_REST = timedelta(seconds=870) + _SETTLES
"""A request that began before has ended and is recorded: the longest deadline that a stage may have."""
_LONGEST = DAYS_KEPT - timedelta(days=1)
"""What a budget knows of its days; and no call that is kept for two days alone, as those of other
callers' jobs are, looks within it as if it were one of a caller with a budget."""
_FIGURES_WAIT = timedelta(minutes=5)
FIGURES_PERIOD_S = 300
"""Of metrics, which CloudWatch keeps so for 63 days."""
_SAME_NANO_USD = 1_000
"""CloudWatch adds up doubles."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Window:
    """From the first moment of a day on, until just before the budgets are read; metrics are compared up to
    `figures_end`."""

    start: datetime
    now: datetime

    @classmethod
    def before(cls, now: datetime, since: timedelta, kept: timedelta) -> Window:
        """`kept` is how long the log keeps a row: of a day that is older, some are gone."""
        first = now - min(since, kept - timedelta(days=1), _LONGEST)
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


@dataclass
class Logged:
    """What the rows say: what was charged by budget and period, and the costs in the metrics' window."""

    charged: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    request_ids: set[str] = field(default_factory=set)
    cost_nano_usd: int = 0

    def add(self, row: Row, kept: Row, window: Window) -> None:
        """`kept` is the item of the calls of its request. What ended after the budgets were read is still
        running to them."""
        finished_at = datetime.fromisoformat(row["finished_at"])
        if finished_at > window.now:
            return
        self.request_ids.add(row["request_id"])
        if window.start <= finished_at < window.figures_end:
            self.cost_nano_usd += row["cost_nano_usd"]
        charged = sum(_charges(row, kept))
        for id_ in _budgets_of(row):
            self.charged[id_].update(dict.fromkeys(period_names(row["day"]).values(), charged))


def _charges(row: Row, kept: Row) -> Iterator[int]:
    """Of each attempt. Where its row only assumes a bill, what its call has kept is better known."""
    for number, attempt in enumerate(row.get("attempts", ()), start=1):
        call = kept_call(kept, number) if attempt.get("possibly_billed_nano_usd") else None
        yield call.charged_nano_usd if call else attempt.get("charged_nano_usd", 0)


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
    ended = _called(kept.ledger, window) | dict(kept.jobs)
    missing = {id_: at for id_, at in ended.items() if id_ not in logged.request_ids}
    running = {id_ for id_, at in missing.items() if at > window.now - _AT_REST}
    in_flight = sum(_charged(kept.ledger.get(id_, {})) for id_ in running)
    lines = [
        f"{names.get(id_, id_)}: {line}"
        for id_ in sorted({*kept.budgets, *logged.charged})
        for line in _of_budget(
            kept.budgets.get(id_, Budget({})), logged.charged[id_], in_flight, window
        )
    ]
    lines += [_without_row(id_, kept) for id_ in sorted(missing.keys() - running)]
    if abs(kept.figures_nano_usd - logged.cost_nano_usd) > _SAME_NANO_USD:
        figures, cost = _usd(kept.figures_nano_usd), _usd(logged.cost_nano_usd)
        lines.append(f"metrics: CostUsd is {figures}, the rows' {cost}")
    held = {hold.request_id for one in kept.budgets.values() for hold in _open(one, window)}
    return Findings(lines, len(running | held))


def _of_budget(
    budget: Budget, charged: Mapping[str, int], in_flight: int, window: Window
) -> Iterator[str]:
    """`in_flight` was charged to some budget by requests that have no row yet."""
    for name in window.names:
        rows, settled = charged[name], budget.settled(name) - budget.committed(OPENING + name)
        if not 0 <= settled - rows <= in_flight:
            yield f"{name}: charged {_usd(settled)}, the rows {_usd(rows)}"
    settled = budget.settled("total") - budget.committed(OPENING + "total")
    if settled != budget.committed(SETTLED):
        yield f"total: committed {_usd(settled)}, settled {_usd(budget.committed(SETTLED))}"
    for hold in budget.holds():
        if hold not in _open(budget, window):
            ended = datetime.fromtimestamp(hold.expires_at_s, UTC)
            yield f"{hold.key}: {_usd(hold.nano_usd)} are held since its end, {ended:%Y-%m-%d %H:%M}"


def _open(budget: Budget, window: Window) -> list[Hold]:
    """Whose calls may still run, or were over just now."""
    since_s = (window.now - _SETTLES).timestamp()
    return [hold for hold in budget.holds() if hold.expires_at_s >= since_s]


def _called(ledger: Mapping[str, Row], window: Window) -> dict[str, datetime]:
    """When the last call of a request was kept, of callers with a budget; other jobs' are known by their
    executions."""
    kept = {
        id_: datetime.fromtimestamp(int(item["expires_at"]), UTC) - KEPT_OF_LIMITED
        for id_, item in ledger.items()
    }
    return {id_: at for id_, at in kept.items() if at >= window.start}


def _without_row(id_: str, kept: Kept) -> str:
    if id_ in kept.ledger:
        return f"{id_}: was called and charged {_usd(_charged(kept.ledger[id_]))}, and has no row"
    return f"{id_}: the job has ended, and has no row"


def _charged(item: Row) -> int:
    numbers = [int(name.removeprefix("call_")) for name in item if name.startswith("call_")]
    calls = [kept_call(item, number) for number in numbers]
    return sum(call.charged_nano_usd for call in calls if call)


def _usd(nano_usd: int) -> str:
    return f"{usd(nano_usd).normalize():f} USD"
