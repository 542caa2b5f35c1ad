"""Keeps an answer for whoever asks the same: under the caller's key any, in the cache a whole one."""

from __future__ import annotations

from functions.shared.contracts.decision import IDEMPOTENCY
from functions.shared.contracts.states import InvokeInput, InvokeOutput, json_of
from functions.shared.settings import InvokeSettings

# boto3 would take whoever waits for a function without a key 0.2 s to import: where nothing is kept it is
# not there.


def keep_answer(called: InvokeInput, output: InvokeOutput, settings: InvokeSettings) -> None:
    """A table that does not take it costs nobody the answer: the claim expires."""
    if not called.profile.claims:
        return
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from functions.shared.kept_answers.answer_table import AnswerTable  # noqa: PLC0415
    from functions.shared.telemetry.observability import logger  # noqa: PLC0415

    answers, request_id = AnswerTable(settings.ANSWERS_TABLE), called.profile.request_id
    body = json_of(output.answer)
    for claim in called.profile.claims:
        try:
            if claim.kind == IDEMPOTENCY or _is_whole(output):
                answers.keep(claim, request_id, body)
            else:
                answers.pass_on(claim, request_id)
        except (BotoCoreError, ClientError) as failure:
            logger.warning("answer not kept", error_type=type(failure).__name__)


def _is_whole(output: InvokeOutput) -> bool:
    return output.answer.finish_reason == "stop" and not output.answer.tool_calls
