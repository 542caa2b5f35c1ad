import time

import pytest
from botocore.exceptions import ClientError

from functions.invoke_provider.attempt import attempt
from functions.invoke_provider.keeping import keep_answer
from functions.invoke_provider.providers.base import Completion
from functions.shared.contracts.decision import Claim
from functions.shared.contracts.request import ToolCall
from functions.shared.contracts.states import InvokeInput
from functions.shared.kept_answers.answer_table import AnswerTable
from functions.shared.settings import InvokeSettings
from functions.shared.vocabulary import Usage
from tests.support.builders import TOOL_CALL, candidate, decision, profile, ranked

SETTINGS = InvokeSettings(PROVIDER="simulator", ANSWERS_TABLE="Answers")
CLAIMS = [
    Claim(kind=kind, answer_id=kind, fingerprint="f", kept_for_s=60)
    for kind in ("idempotency", "cache", "retry")
]


class Provider:
    def __init__(self, **answer):
        self.answer = {"text": "Hello.", "finish_reason": "stop", "tool_calls": ()} | answer

    def complete(self, *_):
        return Completion(usage=Usage(input_tokens=9, output_tokens=3), **self.answer)


def _called(claims):
    return InvokeInput(
        request={"text": "Hello?"},
        profile=profile(started_at_ms=int(time.time() * 1000), claims=claims),
        decision=decision(ranked("gpt-4o")),
        candidate=candidate("gpt-4o"),
        failures=[],
        remaining=0,
    )


def _kept(claims=CLAIMS, **answer):
    """What others find under each claim."""
    answers, called = AnswerTable("Answers"), _called(claims)
    for one in CLAIMS:
        answers.take(one, "req_1", round(time.time()) + 60)
    keep_answer(called, attempt(called, Provider(**answer)), SETTINGS)
    return [answers.take(one, "req_2", round(time.time()) + 60) for one in CLAIMS]


def test_a_whole_answer_is_kept_under_every_claim(answers_table):
    of_key, of_cache, of_retry = _kept()
    assert of_key.answer == of_cache.answer == of_retry.answer
    assert (of_key.answer["result"], of_key.answer["request_id"]) == ("Hello.", "req_1")


@pytest.mark.parametrize(
    "answer",
    [
        {"finish_reason": "length"},
        {"finish_reason": "tool_calls", "tool_calls": [ToolCall.model_validate(TOOL_CALL)]},
        {"finish_reason": "stop", "tool_calls": [ToolCall.model_validate(TOOL_CALL)]},
    ],
)
def test_what_was_cut_or_calls_tools_is_the_keys_first_answer_and_never_cached(
    answers_table, answer
):
    of_key, of_cache, of_retry = _kept(**answer)
    assert of_key.answer["finish_reason"] == answer["finish_reason"]
    assert of_retry.answer == of_key.answer
    assert (of_cache.answer, of_cache.passed) == (None, True)


def test_without_a_claim_nothing_is_kept_and_no_table_is_asked(answers_table):
    assert [one.answer for one in _kept(claims=[])] == [None] * 3


def test_a_table_that_does_not_take_it_costs_nobody_the_answer(aws):
    called = _called(CLAIMS)
    output = attempt(called, Provider())
    with pytest.raises(ClientError):
        AnswerTable("Answers").keep(CLAIMS[0], "req_1", {})
    keep_answer(called, output, SETTINGS)
