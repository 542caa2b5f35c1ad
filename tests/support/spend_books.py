"""What a running stack's books say of its callers' money, read from its tables, against its exchange."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from functions.shared.money.budget import STAGE_ID, Budget, budget_id, limited_periods, period_names
from functions.shared.money.budget_table import SETTLED, BudgetTable
from functions.shared.storage.expressions import Expressions, any_of
from functions.shared.storage.request_log import unpacked
from functions.shared.vocabulary import in_usd
from local.faults.audit import audited, booked
from local.faults.exchange import Exchange


@dataclass(frozen=True)
class SpendBooks:
    """`stack` is a `tests.conftest.Stack`, and `exchange` has the calls of its providers."""

    stack: Any
    exchange: Exchange

    def budget(self, caller_id: str) -> Budget:
        return self._budgets().read(budget_id(caller_id))

    def stage(self) -> Budget:
        return self._budgets().read(STAGE_ID)

    def rows(self, *caller_ids: str) -> list[dict[str, Any]]:
        """Of these callers, or of all."""
        at = Expressions()
        wanted = any_of(*(at.is_("caller_id", "=", id_) for id_ in caller_ids))
        asked = at.arguments(FilterExpression=wanted)
        return list(
            map(unpacked, self.stack.requests_table().scan_all(ConsistentRead=True, **asked))
        )

    def invoke(self, construct_id: str, event: object) -> Any:
        """What the function answers, or how it failed."""
        return self.invoke_named(self.stack.function_name(construct_id), event)

    def invoke_named(self, function: str, event: object) -> Any:
        functions = self.stack.client("lambda")
        told = functions.invoke(FunctionName=function, Payload=json.dumps(event))
        return json.loads(told["Payload"].read())

    def tell_of_end(self, job: str) -> None:
        """That it was stopped, at once: what the queue brings takes its time."""
        machine = self.stack.output("JobsMachineArn").replace(":stateMachine:", ":execution:")
        body = json.dumps({"detail": {"executionArn": f"{machine}:{job}", "status": "ABORTED"}})
        assert self.invoke("RecordStopped", {"Records": [{"body": body}]}) is None

    def sweep(self) -> None:
        assert self.invoke("Sweep", {}) is None

    def assert_settled(self, *caller_ids: str) -> None:
        """Nothing is held, and what each one's calls were charged is what its budget and their rows say, and
        so for all together."""
        for id_ in caller_ids:
            _assert_settled(self.budget(id_), self.rows(id_))
        _assert_settled(self.stage(), self.rows())

    def assert_exact(self, *caller_ids: str) -> None:
        """And what the providers told is what they bill, call by call; each mark is of one row."""
        self.assert_settled(*caller_ids)
        rows = [in_usd(row) for row in self.rows(*caller_ids)]
        marks = {row["profile"]["metadata"]["load"] for row in rows if row.get("profile")}
        calls = [one for one in self.exchange.calls if one.mark in marks]
        audit = audited(calls, rows)
        assert audit.mismatches == []
        assert audit.ledger_known == audit.rows_known
        assert len(calls) == sum(one.left for row in rows for one in booked(row)) - audit.unseen

    def _budgets(self) -> BudgetTable:
        return BudgetTable(self.stack.table("BudgetsTableName"))


def charged(rows: Iterable[dict[str, Any]]) -> int:
    """In nano-dollars."""
    return int(sum(one.get("charged_nano_usd", 0) for row in rows for one in row["attempts"]))


def _assert_settled(budget: Budget, rows: list[dict[str, Any]]) -> None:
    today = period_names(f"{datetime.now(UTC):%Y-%m-%d}")
    assert budget.holds() == []
    amounts = {name: budget.committed(name) for name in (*today.values(), SETTLED)}
    assert amounts == dict.fromkeys(amounts, charged(rows))


def overdrawn(budget: Budget, limits: Any) -> int:
    """The most that more is committed than a limit allows, in nano-dollars; 0 where nothing is."""
    names = period_names(f"{datetime.now(UTC):%Y-%m-%d}")
    over = (
        budget.committed(names[period]) - limit for period, limit in limited_periods(limits).items()
    )
    return max(0, *over)
