"""Closes what nobody settled, tells who has used how much, and takes away what is old.

Any write holds its condition, so that runs which overlap do each thing once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from functions.shared.money.budget_table import RESERVES, BudgetTable
from functions.shared.money.expired_holds import close_expired
from functions.shared.storage.state_table import StateTable
from functions.shared.telemetry.observability import logger
from functions.sweep.alerts import Alerts
from functions.sweep.leftovers import leftovers
from functions.sweep.owners import Owners


@dataclass(frozen=True)
class Stores:
    """`ledger` keeps what calls took."""

    budgets: BudgetTable
    ledger: StateTable
    owners: Owners
    alerts: Alerts


class NotSwept(Exception):
    """So many budgets; the next run comes to them again."""


def sweep(stores: Stores) -> None:
    """Raises `NotSwept` behind the last one, and `ClientError` and `BotoCoreError` where the index is not
    read."""
    ids = stores.budgets.open_ids()
    # Where there are more than one run gets through, no budget is always among the last.
    random.shuffle(ids)
    failed = sum(not _is_swept(id_, stores) for id_ in ids)
    if failed:
        raise NotSwept(str(failed))


def _is_swept(id_: str, stores: Stores) -> bool:
    try:
        _sweep(id_, stores)
    except (BotoCoreError, ClientError) as failure:
        logger.warning("budget not swept", budget=id_, error_type=type(failure).__name__)
        return False
    return True


def _sweep(id_: str, stores: Stores) -> None:
    now, budgets = datetime.now(UTC), stores.budgets
    expired = (budget := budgets.read(id_)).expired(now.timestamp())
    for hold in expired:
        close_expired(id_, hold, stores.ledger, budgets)
    if expired:
        budget = budgets.read(id_)
    is_told = stores.alerts.tell(id_, stores.owners.of(id_), budget, now)
    if old := leftovers(budget, now):
        budgets.remove(id_, old)
    if is_told and not budget.holds():
        budgets.close(id_, budget.committed(RESERVES))
