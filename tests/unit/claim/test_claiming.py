import json

import pytest
from botocore.exceptions import ClientError

from functions.claim.claiming import claim
from functions.claim.handler import lambda_handler
from functions.shared.contracts.decision import Claim
from functions.shared.contracts.states import ClaimInput
from functions.shared.errors import KEY_UNKNOWN, ServiceUnavailable
from functions.shared.kept_answers.answer_table import AnswerTable
from tests.support.builders import STARTED_AT_MS, profile
from tests.support.gateway_events import LambdaStub
from tests.support.kept_answers import ANSWER

KEY = Claim(kind="idempotency", answer_id="k" * 64, fingerprint="f", kept_for_s=86_400)
FIRST = Claim(kind="retry", answer_id="r" * 64, fingerprint="f", kept_for_s=608)
RETRY = FIRST.model_copy(update={"joins": True})
CACHE = Claim(kind="cache", answer_id="c" * 64, fingerprint="f", kept_for_s=60)
BEGAN_S = STARTED_AT_MS / 1000


@pytest.fixture
def answers(answers_table):
    return AnswerTable("Answers")


def _asked(request_id, *claims, **changes):
    return profile(request_id=request_id, claims=list(claims), **changes)


@pytest.fixture
def claiming(answers):
    def told(asked, *, after_s=0.0, submitting=False):
        event = ClaimInput(profile=asked, submitting=submitting)
        return claim(event, answers, BEGAN_S + after_s)

    return told


@pytest.fixture(autouse=True)
def _in_the_year_of_the_builders(monkeypatch):
    monkeypatch.setattr("time.time", lambda: BEGAN_S)


def test_the_first_request_holds_what_it_claims(claiming):
    told = claiming(_asked("req_1", KEY, CACHE))
    assert (told.outcome, told.claims) == ("held", [KEY, CACHE])


def test_a_repeated_key_is_told_that_the_first_runs_and_then_the_first_answer(claiming, answers):
    claiming(_asked("req_1", KEY))
    told = claiming(_asked("req_2", KEY))
    assert told.outcome == "told"
    assert told.answer["error"]["code"] == "request_in_progress"
    assert told.answer["error"]["retry_after_seconds"] == 1
    assert told.answer["request_id"] == "req_2"
    answers.keep(KEY, "req_1", ANSWER)
    assert claiming(_asked("req_2", KEY)).answer == ANSWER


def test_a_key_with_another_body_is_a_conflict_whatever_became_of_the_first(claiming, answers):
    other = KEY.model_copy(update={"fingerprint": "g"})
    claiming(_asked("req_1", KEY))
    for _ in range(2):
        told = claiming(_asked("req_2", other))
        assert told.answer["error"]["code"] == "idempotency_conflict"
        answers.keep(KEY, "req_1", ANSWER)


def test_a_failed_request_may_be_tried_again_under_its_key(claiming, answers):
    claiming(_asked("req_1", KEY))
    answers.release(KEY, "req_1")
    assert claiming(_asked("req_2", KEY)).outcome == "held"


def test_a_submitted_job_claims_its_key_alone_and_again_when_it_runs(claiming):
    job = _asked("req_1", KEY, CACHE, mode="async")
    assert claiming(job, submitting=True).claims == [KEY]
    repeated = claiming(_asked("req_2", KEY, CACHE, mode="async"), submitting=True)
    assert (repeated.outcome, repeated.first_request_id) == ("running", "req_1")
    told = claiming(job)
    assert (told.outcome, told.claims) == ("held", [KEY, CACHE])


def test_a_job_whose_key_is_anothers_by_now_does_not_run(claiming):
    claiming(_asked("req_1", KEY, mode="async"), submitting=True)
    told = claiming(_asked("req_2", KEY, mode="async"))
    assert told.answer["error"]["code"] == "request_in_progress"


def test_an_answered_job_is_named_to_who_submits_it_again(claiming, answers):
    claiming(_asked("req_1", KEY, mode="async"), submitting=True)
    answers.keep(KEY, "req_1", ANSWER)
    told = claiming(_asked("req_2", KEY, mode="async"), submitting=True)
    assert (told.outcome, told.first_request_id, told.answer) == ("ended", "req_1", None)


def test_a_kept_answer_costs_nothing_and_says_whose_it_was(claiming, answers):
    claiming(_asked("req_1", CACHE))
    answers.keep(CACHE, "req_1", ANSWER)
    told = claiming(_asked("req_2", KEY, CACHE), after_s=0.25)
    answer, logged = told.answer, told.logged_answer
    assert (told.outcome, told.claims) == ("hit", [KEY])
    assert (answer["request_id"], answer["execution_id"]) == ("req_2", "req_2")
    assert (answer["cached"], answer["result"]) == (True, ANSWER["result"])
    assert answer["usage"]["total_cost_usd"] == 0
    assert answer["usage"]["savings_usd"] == ANSWER["usage"]["baseline_cost_usd"] == 0.00125
    assert answer["routing"]["fallbacks"] == []
    assert "req_1" in answer["routing"]["reason"]
    total_ms = answer["performance"]["total_time_ms"]
    assert answer["performance"] == {
        "total_time_ms": total_ms, "routing_time_ms": 2, "inference_time_ms": 0,
    }  # fmt: skip
    # With the looks into the table, for which its caller waits, too.
    assert total_ms >= 250
    assert logged.cached_from.model_dump() == {
        "request_id": "req_1", "model": "gpt-4o-mini", "provider": "openai",
    }  # fmt: skip
    assert logged.usage.savings_nano_usd == logged.usage.baseline_cost_nano_usd == 1_250_000
    # Under its key it is the first answer.
    assert claiming(_asked("req_3", KEY)).answer == answer


@pytest.mark.parametrize(
    ("after_s", "outcome", "wait_s"),
    [(0, "wait", 1), (3, "wait", 1), (8, "wait", 2), (15, "wait", 2), (16, "held", 0)],
)
def test_who_asks_the_same_waits_two_thirds_of_its_time_and_then_asks_itself(
    claiming, after_s, outcome, wait_s
):
    claiming(_asked("req_1", CACHE))
    told = claiming(_asked("req_2", CACHE), after_s=after_s if outcome == "wait" else 17)
    assert (told.outcome, told.wait_seconds) == (outcome, wait_s)
    assert told.claims == ([CACHE] if outcome == "wait" else [])


def test_who_has_no_time_to_wait_asks_itself(claiming):
    claiming(_asked("req_1", CACHE))
    hurried = _asked("req_2", CACHE, deadline_at_ms=STARTED_AT_MS + 1_200)
    assert claiming(hurried).outcome == "held"


def test_the_leaders_failure_makes_another_leader(claiming, answers):
    claiming(_asked("req_1", CACHE))
    assert claiming(_asked("req_2", CACHE)).outcome == "wait"
    answers.release(CACHE, "req_1")
    assert claiming(_asked("req_2", CACHE)).claims == [CACHE]
    assert claiming(_asked("req_3", CACHE)).outcome == "wait"


def test_where_the_leader_keeps_none_nobody_waits(claiming, answers):
    claiming(_asked("req_1", CACHE))
    answers.pass_on(CACHE, "req_1")
    told = claiming(_asked("req_2", CACHE))
    assert (told.outcome, told.claims) == ("held", [])


def _later_call(request_id, *claims, **changes):
    return _asked(request_id, *claims, started_at_ms=STARTED_AT_MS + 1, **changes)


def test_a_first_call_holds_the_claim_whoever_had_it_and_whatever_was_answered(claiming, answers):
    assert claiming(_asked("req_1", FIRST)).claims == [FIRST]
    told = claiming(_later_call("req_2", FIRST, CACHE))
    assert (told.outcome, told.claims) == ("held", [FIRST, CACHE])
    answers.keep(FIRST, "req_2", ANSWER)
    third = _asked("req_3", FIRST, started_at_ms=STARTED_AT_MS + 2)
    assert claiming(third).claims == [FIRST]
    # Late, or delivered twice: it makes its call, and has no claim any more.
    told = claiming(_asked("req_1", FIRST))
    assert (told.outcome, told.claims, told.first_request_id) == ("held", [], "req_1")
    assert claiming(_asked("req_9", RETRY)).first_request_id == "req_3"


def test_a_retry_waits_for_the_first_call_and_is_told_its_answer(claiming, answers):
    claiming(_asked("req_1", FIRST))
    told = claiming(_asked("req_2", RETRY, CACHE), after_s=8)
    assert (told.outcome, told.wait_seconds, told.claims) == ("wait", 2, [RETRY, CACHE])
    assert told.first_request_id == "req_1"
    answers.keep(FIRST, "req_1", ANSWER)
    told = claiming(_asked("req_2", RETRY, CACHE))
    assert (told.outcome, told.answer, told.claims) == ("told", ANSWER, [])


def test_a_retry_whose_patience_ends_is_told_to_come_again(claiming):
    claiming(_asked("req_1", FIRST))
    told = claiming(_asked("req_2", RETRY), after_s=17)
    assert (told.outcome, told.answer["request_id"]) == ("told", "req_2")
    assert told.answer["error"]["code"] == "request_in_progress"
    assert told.answer["error"]["retry_after_seconds"] == 1
    assert "Idempotency-Key" not in told.answer["error"]["message"]


@pytest.mark.parametrize("end", ["never came", "failed", "died", "kept none"])
def test_a_retry_that_finds_no_call_makes_it(claiming, answers, monkeypatch, end):
    if end != "never came":
        claiming(_asked("req_1", FIRST))
    if end == "failed":
        answers.release(FIRST, "req_1")
    if end == "kept none":
        answers.pass_on(FIRST, "req_1")
    if end == "died":
        monkeypatch.setattr("time.time", lambda: BEGAN_S + 3_600)
    told = claiming(_later_call("req_2", RETRY))
    assert (told.outcome, told.claims) == ("held", [] if end == "kept none" else [RETRY])


def test_a_first_call_that_its_own_retry_overtook_joins_it(claiming, answers):
    claiming(_later_call("req_2", RETRY))
    assert claiming(_asked("req_1", FIRST)).outcome == "wait"
    answers.keep(RETRY, "req_2", ANSWER)
    assert claiming(_asked("req_1", FIRST)).answer == ANSWER
    # A call that begins now is meant.
    after = _asked("req_3", FIRST, started_at_ms=STARTED_AT_MS + 2)
    assert claiming(after).claims == [FIRST]


def test_a_submission_that_its_own_retry_overtook_is_that_job(claiming):
    claiming(_later_call("req_2", RETRY, mode="async"), submitting=True)
    told = claiming(_asked("req_1", FIRST, mode="async"), submitting=True)
    assert (told.outcome, told.first_request_id) == ("running", "req_2")


def test_a_key_goes_before_a_count(claiming):
    # Nobody makes both claims; of both, the key decides.
    assert claiming(_asked("req_1", KEY, FIRST)).claims == [KEY]


@pytest.mark.parametrize("is_answered", [False, True])
def test_a_job_that_is_submitted_again_is_the_first_one_also_when_it_has_ended(
    claiming, answers, is_answered
):
    told = claiming(_asked("req_1", FIRST, CACHE, mode="async"), submitting=True)
    assert (told.outcome, told.claims) == ("held", [FIRST])
    if is_answered:
        answers.keep(FIRST, "req_1", ANSWER)
    told = claiming(_later_call("req_2", RETRY, CACHE, mode="async"), submitting=True)
    assert (told.outcome, told.first_request_id, told.answer) == ("running", "req_1", None)


@pytest.mark.parametrize("own", [FIRST, RETRY])
def test_a_job_that_runs_holds_what_it_had_and_runs_without_what_is_a_later_ones(claiming, own):
    claiming(_asked("req_1", own, mode="async"), submitting=True)
    assert claiming(_later_call("req_1", own, mode="async")).claims == [own]
    later = _asked("req_2", FIRST, mode="async", started_at_ms=STARTED_AT_MS + 2)
    claiming(later, submitting=True)
    latest = _asked("req_1", own, mode="async", started_at_ms=STARTED_AT_MS + 3)
    told = claiming(latest)
    assert (told.outcome, told.claims, told.first_request_id) == ("held", [], "req_1")
    assert claiming(later).claims == [FIRST]


class Broken(AnswerTable):
    def __init__(self):
        """Without a table."""

    def take(self, *_):
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "GetItem")

    take_over = take


@pytest.mark.parametrize("submitting", [False, True])
def test_without_the_table_a_retry_is_refused_and_a_call_that_is_meant_is_made(submitting):
    def told(claim_of, mode="async" if submitting else "sync", submitting=submitting):
        event = ClaimInput(profile=_asked("req_1", claim_of, mode=mode), submitting=submitting)
        return claim(event, Broken(), BEGAN_S)

    assert (told(FIRST).outcome, told(FIRST).claims) == ("held", [])
    with pytest.raises(ServiceUnavailable) as refused:
        told(RETRY)
    assert (refused.value.message, refused.value.retry_after_seconds) == (KEY_UNKNOWN, 5)
    # A job was accepted.
    assert told(RETRY, "async", submitting=False).outcome == "held"


def test_without_the_table_no_key_is_trusted_and_a_cache_is_missed():
    told = claim(ClaimInput(profile=_asked("req_1", CACHE)), Broken(), BEGAN_S)
    assert (told.outcome, told.claims) == ("held", [])
    with pytest.raises(ServiceUnavailable) as refused:
        claim(ClaimInput(profile=_asked("req_1", KEY, CACHE)), Broken(), BEGAN_S)
    assert refused.value.message == KEY_UNKNOWN
    assert refused.value.retry_after_seconds == 5


def test_a_kept_answer_is_given_also_where_it_cannot_be_kept_under_the_key(
    claiming, answers, monkeypatch
):
    claiming(_asked("req_1", CACHE))
    answers.keep(CACHE, "req_1", ANSWER)

    def refuse(*_):
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "UpdateItem")

    monkeypatch.setattr(AnswerTable, "keep", refuse)
    told = claiming(_asked("req_2", KEY, CACHE))
    assert (told.outcome, told.answer["cached"]) == ("hit", True)


def test_the_state_gets_all_that_it_looks_for(environment, answers):
    environment(ANSWERS_TABLE="Answers", POWERTOOLS_SERVICE_NAME="test")
    asked = _asked("req_1", KEY).model_dump(mode="json")
    told = lambda_handler({"profile": asked}, LambdaStub())
    assert told.pop("took_ms") > 0
    assert json.loads(json.dumps(told)) == {
        "outcome": "held", "claims": [KEY.model_dump()], "first_request_id": "req_1",
        "wait_seconds": 0, "answer": None, "logged_answer": None,
    }  # fmt: skip
