"""What becomes of a hold whose call has ended and that nobody settled."""

from __future__ import annotations

from functions.shared.contracts.states import Call
from functions.shared.money.budget import Hold
from functions.shared.money.budget_table import BudgetTable
from functions.shared.money.job_calls import calls_id, kept_call
from functions.shared.storage.state_table import StateTable
from functions.shared.telemetry.observability import count, logger
from functions.shared.telemetry.series import HOLD_ASSUMED


def close_expired(budget_id: str, hold: Hold, ledger: StateTable, budgets: BudgetTable) -> None:
    """Settles it at what its call was kept to have cost, or at nothing where its next budget never held
    it; else it is charged in full.

    Whoever closes it second changes nothing. Raises `ClientError` and `BotoCoreError`.
    """
    item = calls_id(hold.request_id)
    kept = ledger.read([item], consistent=True).get(item, {})
    if call := kept_call(kept, hold.attempt):
        budgets.settle(budget_id, hold, call.charged_nano_usd, tokens_of(call, hold))
    elif hold.next_id and budgets.read(hold.next_id).hold(hold.key) is None:
        budgets.settle(budget_id, hold, 0, 0)
    elif budgets.assume(budget_id, hold):
        count(HOLD_ASSUMED)
        logger.warning("hold assumed", request_id=hold.request_id, nano_usd=hold.assumed)


def tokens_of(call: Call, hold: Hold) -> int:
    """What the minute is charged; all that was held where the usage was not told."""
    if call.usage is None:
        return hold.tokens
    return call.usage.total_input_tokens + call.usage.output_tokens
