"""States `Record Metrics` and `Record Failure`: how the request ended in, the error to show out."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.record_metrics.recording import Stores, record
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.states import RecordInput, RecordOutput
from functions.shared.initialising import at_start
from functions.shared.kept_answers.answer_table import AnswerTable
from functions.shared.money.budget_table import BudgetTable
from functions.shared.settings import RecordSettings, read_settings
from functions.shared.storage.clients import dynamodb
from functions.shared.storage.dead_letters import DeadLetters
from functions.shared.storage.job_table import JobTable
from functions.shared.storage.request_log import RequestLog
from functions.shared.storage.state_table import StateTable
from functions.shared.storage.tables import table
from functions.shared.telemetry.observability import current_trace_id, logger
from functions.shared.telemetry.state_handler import state_handler

at_start(RecordInput.model_rebuild, load_catalogue, dynamodb)


@state_handler
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    settings = read_settings(RecordSettings)
    stores = Stores(
        RequestLog(settings.REQUESTS_TABLE),
        StateTable(settings.STATE_TABLE),
        DeadLetters(settings.DEAD_LETTER_QUEUE_URL),
        BudgetTable(table(settings.BUDGETS_TABLE)),
        AnswerTable(settings.ANSWERS_TABLE),
        JobTable(settings.JOBS_TABLE),
        settings.LOG_RETENTION_DAYS,
    )
    finished = RecordInput.model_validate(event)
    output: RecordOutput = record(finished, stores, trace_id=current_trace_id())
    logger.info("recorded", outcome=output.code or "success")
    return output.model_dump(mode="json")
