import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


def test_a_later_call_takes_over_what_an_earlier_one_has_or_has_kept(answers):
    assert answers.take_over(CLAIM, "req_1", _later(), 1_000) is None
    assert answers.take_over(CLAIM, "req_2", _later(), 2_000) is None
    answers.keep(CLAIM, "req_1", BODY)
    answers.release(CLAIM, "req_1")
    there = answers.take(CLAIM, "req_9", _later())
    assert (there.request_id, there.answer) == ("req_2", None)
    answers.keep(CLAIM, "req_2", BODY)
    assert answers.take_over(CLAIM, "req_3", _later(), 3_000) is None
    there = answers.take(CLAIM, "req_9", _later())
    assert (there.request_id, there.answer) == ("req_3", None)


def test_an_event_that_comes_late_takes_nothing_back_and_an_own_answer_stays(answers):
    answers.take_over(CLAIM, "req_1", _later(), 1_000)
    assert answers.take_over(CLAIM, "req_1", _later(), 1_000) is None
    answers.release(CLAIM, "req_1")
    answers.take(CLAIM, "req_2", _later(), 2_000)
    assert answers.take_over(CLAIM, "req_1", _later(), 1_000).request_id == "req_2"
    answers.keep(CLAIM, "req_2", BODY)
    assert answers.take_over(CLAIM, "req_2", _later(), 2_000).answer is not None
    assert answers.take(CLAIM, "req_3", _later()).request_id == "req_2"


CALLS = st.lists(
    st.tuples(st.sampled_from(["take", "take_over", "keep", "release"]), st.integers(1, 3)),
    max_size=8,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
@given(CALLS)
def test_whatever_is_delivered_twice_in_whatever_order_the_second_time_changes_nothing(
    answers, answers_table, calls
):
    for item in answers_table.scan()["Items"]:
        answers_table.delete_item(Key={"answer_id": item["answer_id"]})
    until_s = _later()
    deliver = {
        "take": lambda name, at: answers.take(CLAIM, name, until_s, at),
        "take_over": lambda name, at: answers.take_over(CLAIM, name, until_s, at),
        "keep": lambda name, at: answers.keep(CLAIM, name, {"result": name}),
        "release": lambda name, at: answers.release(CLAIM, name),
    }
    for method, number in calls:
        name = f"req_{number}"
        # Each begins at the millisecond of its number.
        deliver[method](name, number)
        before = _without_time(answers_table)
        deliver[method](name, number)
        assert _without_time(answers_table) == before
        for item in before:
            told = answers.take(CLAIM, "req_9", until_s)
            assert told.request_id == item["request_id"]
            assert told.answer in (None, {"result": item["request_id"]})


def _without_time(answers_table):
    """An answer is kept from the second on in which it came."""
    return [
        {name: value for name, value in item.items() if name != "expires_at"}
        for item in answers_table.scan()["Items"]
    ]
