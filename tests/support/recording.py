"""Where finished requests leave their traces, in a test's own account."""

from __future__ import annotations

from functions.record_metrics.recording import Stores
from functions.shared.kept_answers.answer_table import AnswerTable
from functions.shared.money.budget_table import BudgetTable
from functions.shared.storage.dead_letters import DeadLetters
from functions.shared.storage.job_table import JobTable
from functions.shared.storage.request_log import RequestLog
from functions.shared.storage.state_table import StateTable


def stores(queue_url: str = "", budgets: BudgetTable | None = None) -> Stores:
    return Stores(
        RequestLog("Requests"),
        StateTable("State"),
        DeadLetters(queue_url),
        budgets or BudgetTable(None),
        AnswerTable("Answers"),
        JobTable("Jobs"),
        30,
    )
