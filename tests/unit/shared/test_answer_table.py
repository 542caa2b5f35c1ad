import time

import pytest

from functions.shared.contracts.decision import Claim
from functions.shared.kept_answers.answer_table import AnswerTable

CLAIM = Claim(kind="cache", answer_id="a" * 64, fingerprint="f", kept_for_s=60)
BODY = {"result": "Grüezi \ud83d\ude00" * 30_000, "request_id": "req_1"}


def _later():
    return int(time.time()) + 30


@pytest.fixture
def answers(answers_table):
    return AnswerTable("Answers")


def test_the_first_claims_and_the_others_see_whose_it_is(answers):
    assert answers.take(CLAIM, "req_1", _later()) is None
    there = answers.take(CLAIM, "req_2", _later())
    assert (there.request_id, there.fingerprint, there.answer) == ("req_1", "f", None)
    # It may ask again: Step Functions may deliver an event twice.
    assert answers.take(CLAIM, "req_1", _later() + 30) is None


def test_a_kept_answer_comes_back_as_it_was_and_is_stored_compressed(answers, answers_table):
    answers.take(CLAIM, "req_1", _later())
    answers.keep(CLAIM, "req_1", BODY)
    told = answers.take(CLAIM, "req_2", _later()).answer
    assert told["result"].encode("utf-8", "replace") == BODY["result"].encode("utf-8", "replace")
    [item] = answers_table.scan()["Items"]
    assert len(bytes(item["answer"])) < 10_000
    assert int(item["expires_at"]) == pytest.approx(time.time() + 60, abs=5)


@pytest.mark.parametrize("end", ["release", "expire", "expire answered"])
def test_what_is_over_is_anybodys(answers, answers_table, end):
    answers.take(CLAIM, "req_1", _later())
    if end == "release":
        answers.release(CLAIM, "req_1")
    else:
        if end == "expire answered":
            answers.keep(CLAIM, "req_1", BODY)
        answers_table.update_item(
            Key={"answer_id": CLAIM.answer_id},
            UpdateExpression="SET expires_at = :now",
            ExpressionAttributeValues={":now": int(time.time())},
        )
    assert answers.take(CLAIM, "req_2", _later()) is None
    assert answers.take(CLAIM, "req_3", _later()).request_id == "req_2"


def test_nobody_keeps_passes_or_releases_what_is_anothers(answers):
    answers.take(CLAIM, "req_1", _later())
    answers.keep(CLAIM, "req_2", BODY)
    answers.pass_on(CLAIM, "req_2")
    answers.release(CLAIM, "req_2")
    there = answers.take(CLAIM, "req_3", _later())
    assert (there.request_id, there.answer, there.passed) == ("req_1", None, False)


def test_the_first_answer_stays(answers):
    answers.take(CLAIM, "req_1", _later())
    answers.keep(CLAIM, "req_1", {"result": "first"})
    answers.keep(CLAIM, "req_1", {"result": "second"})
    assert answers.take(CLAIM, "req_2", _later()).answer == {"result": "first"}


def test_nothing_is_kept_under_a_claim_that_nobody_has(answers, answers_table):
    answers.keep(CLAIM, "req_1", BODY)
    answers.pass_on(CLAIM, "req_1")
    answers.release(CLAIM, "req_1")
    assert answers_table.scan()["Items"] == []


def test_an_answer_outlives_its_request_and_what_is_passed_is_told(answers):
    answers.take(CLAIM, "req_1", _later())
    answers.keep(CLAIM, "req_1", BODY)
    answers.release(CLAIM, "req_1")
    assert answers.take(CLAIM, "req_2", _later()).answer is not None
    other = CLAIM.model_copy(update={"answer_id": "b" * 64})
    answers.take(other, "req_1", _later())
    answers.pass_on(other, "req_1")
    answers.release(other, "req_1")
    assert answers.take(other, "req_2", _later()).passed
