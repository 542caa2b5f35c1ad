"""Keeps an answer for whoever asks the same: in the cache a whole one, else any."""

from __future__ import annotations

from functions.shared.contracts.decision import CACHE
from functions.shared.contracts.states import EmbeddedOutput, InvokeInput, InvokeOutput, json_of
from functions.shared.settings import InvokeSettings

# botocore would take whoever waits for a function without a key 0.1 s to import: where nothing is kept it is
# not there.


def keep_answer(
    called: InvokeInput, output: InvokeOutput | EmbeddedOutput, settings: InvokeSettings
) -> None:
    """Where the request holds a claim."""
    if not called.profile.claims:
        return
    from functions.shared.kept_answers.answer_table import AnswerTable  # noqa: PLC0415

    answers, request_id = AnswerTable(settings.ANSWERS_TABLE), called.profile.request_id
    body = json_of(output.answer)
    for claim in called.profile.claims:
        is_kept = claim.kind != CACHE or _is_whole(output)
        answers.keep_if_possible(claim, request_id, body if is_kept else None)


def _is_whole(output: InvokeOutput | EmbeddedOutput) -> bool:
    if isinstance(output, EmbeddedOutput):
        return True
    return output.answer.finish_reason == "stop" and not output.answer.tool_calls
