"""What a run with faults prints, and whether its books hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from functions.shared.money.budget_table import SETTLED
from functions.shared.vocabulary import usd
from local.faults.audit import Audit, Books, mark_in, nano
from local.load_sending import Outcome

MOST_TIMES = Decimal("1.5")
_TELLING = 50
"""Fewer calls say nothing of a factor."""
_SHOWN = 10


@dataclass(frozen=True)
class Report:
    """`simulated` is how many calls aimock's own journal has."""

    outcomes: Sequence[Outcome]
    audit: Audit
    books: Books
    simulated: int

    @property
    def problems(self) -> list[str]:
        """A line each on what does not hold; none where all does."""
        audit, books, sent = self.audit, self.books, len(self.outcomes)
        rows_cost, rows_possible = (
            _in_rows(books, name) for name in ("cost_usd", "possibly_billed_usd")
        )
        marks = {mark_in(row) for row in books.rows}
        checks = {
            "requests are lost": not self._of("lost"),
            "answers are not in the contract": not self._of("undocumented"),
            "not every request has its row": len(marks) == len(books.rows) == sent,
            "not every request has its line of metrics": books.emf_requests == sent,
            "aimock's journal has other calls than the ledger": self.simulated == len(audit.calls),
            "not every call is an attempt": audit.left == len(audit.calls),
            "the known cost differs": audit.ledger_known == audit.rows_known,
            "a row's cost is not that of its attempts": rows_cost
            == audit.rows_known + audit.guessed,
            "what a row may cost is not that of its attempts": rows_possible == audit.possible,
            "/metrics/costs differs": rows_cost == books.metrics,
            "/metrics/costs by caller differs": rows_cost == books.by_caller,
            "the lines of metrics differ": rows_cost == books.emf,
            "the lines of metrics differ in what may be billed": rows_possible
            == books.emf_possible,
            "what was not told is far off": self._is_near(),
            "calls that have ended are still held": not books.budget.holds(),
            "the budget differs from what the rows charge": _is_charged(books),
        }
        return [*audit.mismatches, *(problem for problem, holds in checks.items() if not holds)]

    def _of(self, kind: str) -> int:
        return sum(one.kind == kind for one in self.outcomes)

    def _is_near(self) -> bool:
        factor = self.audit.factor
        if factor is None or self.audit.untold_calls < _TELLING:
            return True
        return 1 / MOST_TIMES <= factor <= MOST_TIMES

    def lines(self) -> Iterator[str]:
        yield from self._answers()
        yield ""
        yield from self._faults()
        yield ""
        yield from self._money()
        yield ""
        problems = self.problems
        yield from problems[:_SHOWN]
        if len(problems) > _SHOWN:
            yield f"and {len(problems) - _SHOWN} more"
        yield (
            "The books do not hold."
            if problems
            else "Every book agrees with the providers' ledger."
        )

    def _answers(self) -> Iterator[str]:
        named = Counter(one.problem or one.kind for one in self.outcomes)
        yield from (f"{name:<36}{count:>8}" for name, count in named.most_common())
        for kind in ("lost", "undocumented"):
            yield f"{kind:<36}{self._of(kind):>8}"

    def _faults(self) -> Iterator[str]:
        calls = self.audit.calls
        yield f"{'what the provider did':<24}{'calls':>8}{'billed':>8}{'told':>8}{'USD':>16}"
        for name, count in Counter(call.fault.name for call in calls).most_common():
            of_kind = [call for call in calls if call.fault.name == name]
            cost = usd(sum(call.cost_nano_usd for call in of_kind))
            billed, told = sum(bool(one.usage) for one in of_kind), sum(one.told for one in of_kind)
            yield f"{name:<24}{count:>8}{billed:>8}{told:>8}{cost:>16.9f}"

    def _money(self) -> Iterator[str]:
        audit, books = self.audit, self.books
        never_left = len(audit.attempts) - audit.left - audit.unseen
        yield f"{'calls in the ledger':<36}{len(audit.calls):>16}"
        yield f"{'calls in the journal of aimock':<36}{self.simulated:>16}"
        yield f"{'attempts in rows, that left':<36}{audit.left:>16}"
        yield f"{'attempts in rows, that never left':<36}{never_left:>16}"
        yield f"{'attempts ended before they called':<36}{audit.unseen:>16}"
        rows_cost = _in_rows(books, "cost_usd")
        amounts = {
            "ledger, usage told, USD": audit.ledger_known,
            "rows, usage told": audit.rows_known,
            "  difference": audit.ledger_known - audit.rows_known,
            "rows, all of cost_usd": rows_cost,
            "/metrics/costs, difference": books.metrics - rows_cost,
            "  by caller, difference": books.by_caller - rows_cost,
            "lines of metrics, difference": books.emf - rows_cost,
            "ledger, not told, billed in full": audit.ledger_untold,
            "rows, usage estimated": audit.guessed,
            "rows, possibly_billed_usd": audit.possible,
            "  lines of metrics, difference": books.emf_possible - audit.possible,
            "budget of all callers, settled": books.budget.committed(SETTLED),
        }
        for label, amount in amounts.items():
            yield f"{label:<36}{usd(amount):>16.9f}"
        factor = "-" if audit.factor is None else f"{audit.factor:.3f}"
        label = f"  times the truth, of {audit.untold_calls} calls"
        yield f"{label:<36}{factor:>16}"


def _is_charged(books: Books) -> bool:
    """Without a budget nothing is charged."""
    amounts = {books.budget.committed(name) for name in ("total", SETTLED)}
    attempts = (one for row in books.rows for one in row.get("attempts", ()))
    return amounts == {sum(nano(one.get("charged_usd", 0)) for one in attempts)}


def _in_rows(books: Books, amount: str) -> int:
    return sum(nano(row.get(amount, 0)) for row in books.rows)
