import json
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from functions.invoke_provider.attempt import attempt
from functions.invoke_provider.providers.base import Completion
from functions.shared import errors
from functions.shared.attempt_limits import (
    LONGEST_BACKOFF_S,
    MOST_EVENT_BYTES,
    MOST_PAUSE_S,
    UNTOLD_WAIT_S,
    WAIT_JITTER,
)
from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.pricing import cost_nano_usd
from functions.shared.contracts.states import InvokeInput
from functions.shared.vocabulary import Usage
from tests.support.builders import called, candidate, caught, decision, profile, ranked

MODEL = "gpt-4o-mini"
ESTIMATE, WORST_CASE = 1_000_000, 10_000_000
USAGE = Usage(input_tokens=1_000, output_tokens=100)
TODAY = datetime.now(UTC).date()
COST = cost_nano_usd(MODEL, USAGE, TODAY)
LARGEST = max(model.context_window for model in load_catalogue().models)
FAILING = {"health": {MODEL: {"faults": 9, "last_fault_at_ms": 4_000_000_000_000}}}


class Fails:
    def __init__(self, error):
        self.error = error

    def complete(self, prompt, model, timeout_s):
        raise self.error


class Answers:
    def __init__(self, text="Hi", usage=None):
        self.completion = Completion(text, (), "stop", usage)

    def complete(self, prompt, model, timeout_s):
        return self.completion


def asking(error, wait_s):
    """The error of a provider that asks to be left alone for so long."""
    error.told_wait_seconds = wait_s
    return error


def event(mock=False, context=None, **changes):
    fields = {
        "request": {"text": "Hello?"},
        "profile": profile(started_at_ms=int(time.time() * 1000)),
        "decision": decision(routing_context=context or {}),
        "candidate": candidate(mock=mock),
        "failures": [],
        "remaining": 0,
    }
    return InvokeInput.model_validate(fields | changes)


def failed(error, asked=None):
    """What the state machine is told, parsed."""
    with pytest.raises(type(error)) as raised:
        attempt(asked or event(), Fails(error))
    return json.loads(str(raised.value))


def paid(error, usage=USAGE):
    error.usage, error.billed = usage, "known"
    return error


def billed_as(billed):
    return [
        name
        for name, kind in errors.ERRORS_BY_NAME.items()
        if issubclass(kind, errors.ProviderError | errors.ContentFiltered | errors.InvalidRequest)
        and kind.billed == billed
    ]


@pytest.mark.parametrize("name", billed_as("none"))
def test_what_was_certainly_not_billed_costs_nothing(name):
    told = failed(errors.ERRORS_BY_NAME[name]("No."))
    assert told["spent"] == told["call"]["cost_nano_usd"] == 0
    assert "possibly_billed_nano_usd" not in told["call"]


@pytest.mark.parametrize("name", ["ProviderBadResponse", "ProviderTimeout", "EngineError"])
def test_what_may_have_been_billed_is_taken_for_as_dear_as_such_answers_are(name):
    told = failed(errors.ERRORS_BY_NAME[name]("No."))
    assert told["call"]["possibly_billed_nano_usd"] == ESTIMATE
    assert told["call"]["cost_nano_usd"] == 0
    assert told["spent"] == WORST_CASE, "the limit counts it in full"


@pytest.mark.parametrize("error", [errors.ProviderUnavailable.broken_off("openai")])
def test_a_connection_that_broke_off_may_have_been_billed(error):
    told = failed(error)
    assert told["call"]["possibly_billed_nano_usd"] == ESTIMATE
    assert told["again"] is False


@pytest.mark.parametrize("name", ["ContentFiltered", "ProviderBadResponse", "ProviderUnavailable"])
def test_a_usage_that_came_with_a_failure_is_billed(name):
    told = failed(paid(errors.ERRORS_BY_NAME[name]("No.")))
    assert told["call"]["cost_nano_usd"] == told["spent"] == COST
    assert told["call"]["usage"]["input_tokens"] == USAGE.input_tokens
    assert told["again"] is False


def test_an_impossible_usage_of_a_failure_is_assumed_instead():
    told = failed(paid(errors.ContentFiltered("No."), Usage(input_tokens=10**30)))
    assert told["call"]["possibly_billed_nano_usd"] == ESTIMATE


MADE = "An answer of a few words, and then"


@pytest.mark.parametrize(
    ("told", "input_tokens"),
    [
        (None, None),
        (Usage(), None),
        (Usage(input_tokens=10**30), None),
        (Usage(input_tokens=3, cached_input_tokens=700, output_tokens=1), 3),
    ],
    ids=repr,
)
def test_an_answer_that_broke_off_is_billed_as_it_was_told_and_the_rest_by_estimate(
    told, input_tokens
):
    error = paid(errors.ProviderUnavailable.broken_off("openai"), told)
    error.made = MADE
    call = failed(error)["call"]
    usage = call["usage"]
    assert usage["estimated"] is True
    if input_tokens is None:
        assert 0 < usage["input_tokens"] < 100
    else:
        assert (usage["input_tokens"], usage["cached_input_tokens"]) == (input_tokens, 700)
    assert 5 < usage["output_tokens"] < 15
    assert call["cost_nano_usd"] > 0
    assert "possibly_billed_nano_usd" not in call


def test_what_had_come_of_an_answer_stands_in_no_error():
    error = paid(errors.ProviderTimeout("No."), None)
    error.made = "my secret diary"
    assert "diary" not in json.dumps(failed(error))


def test_a_simulated_call_is_never_billed_but_counts_against_the_limit():
    told = failed(paid(errors.ContentFiltered("No.")), event(mock=True))
    assert told["call"]["cost_nano_usd"] == 0
    assert told["call"]["simulated_cost_nano_usd"] == told["spent"] == COST
    timed_out = failed(errors.ProviderTimeout("No."), event(mock=True))
    assert "possibly_billed_nano_usd" not in timed_out["call"]


IMPOSSIBLE = [
    Usage(),
    Usage(input_tokens=LARGEST, output_tokens=1),
    Usage(input_tokens=10**9, output_tokens=7),
    Usage(input_tokens=10**30, output_tokens=10**30),
]


@pytest.mark.parametrize("usage", [None, *IMPOSSIBLE], ids=repr)
def test_a_usage_that_cannot_be_is_estimated_and_says_so(usage):
    answer = attempt(event(), Answers(usage=usage)).answer
    assert answer.usage.usage_source == "estimated"
    assert 0 < answer.usage.total_cost_usd < Decimal("0.001")


@pytest.mark.parametrize("usage", [USAGE, Usage(input_tokens=LARGEST - 1, output_tokens=1)])
def test_a_usage_that_can_be_is_believed(usage):
    output = attempt(event(), Answers(usage=usage))
    assert output.answer.usage.usage_source == "provider"
    assert output.attempt.cost_nano_usd == cost_nano_usd(MODEL, usage, TODAY)


@pytest.mark.parametrize("usage", [Usage(cache_write_tokens=7), Usage(output_tokens=7)])
def test_a_part_may_have_taken_nothing(usage):
    assert attempt(event(), Answers(usage=usage)).answer.usage.usage_source == "provider"


@pytest.mark.parametrize("name", ["ProviderOverloaded", "ProviderUnavailable"])
def test_what_was_not_billed_and_may_be_over_is_worth_one_more_call(name):
    error = errors.ERRORS_BY_NAME[name]
    assert failed(error("No."))["again"] is True
    before = {"candidate": candidate(), "error": caught(error("No."))}
    second = failed(error("No."), event(failures=[before]))
    assert (second["again"], second["call"]["try"]) == (False, 2)


@pytest.mark.parametrize(
    "error",
    [
        errors.ProviderUnavailable.unreached("openai"),
        errors.ProviderThrottled("No."),
        errors.ProviderTimeout("No."),
        errors.ProviderBadResponse("No."),
        errors.ProviderQuotaExhausted("No."),
        errors.ProviderAuthFailed("No."),
        errors.AnswerUnfit("No."),
        asking(errors.ProviderOverloaded("No."), MOST_PAUSE_S + 1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_nothing_else_is_called_again(error):
    told = failed(error)
    assert (told["again"], told["wait_seconds"]) == (False, 0)


def test_nothing_is_called_again_at_a_model_that_is_failing():
    told = failed(errors.ProviderOverloaded("No."), event(context=FAILING))
    assert told["again"] is False


def test_a_provider_says_how_long_to_pause():
    told = failed(asking(errors.ProviderOverloaded("No."), MOST_PAUSE_S))
    assert (told["again"], told["wait_seconds"]) == (True, MOST_PAUSE_S)


def test_a_pause_that_nobody_asked_for_is_a_second_at_most():
    pauses = {failed(errors.ProviderOverloaded("No."))["wait_seconds"] for _ in range(40)}
    assert pauses == {0, 1}


def free_in_s(error, rounds=0, **changes):
    before = {"candidate": candidate(), "error": caught(errors.ProviderThrottled("No."))}
    told = failed(error, event(failures=[before] * rounds, **changes))
    return told["free_at_ms"] and told["free_at_ms"] / 1000 - time.time()


@pytest.mark.parametrize(
    ("error", "least_s"),
    [
        (asking(errors.ProviderThrottled("No."), 0), 0),
        (asking(errors.ProviderThrottled("No."), 20.5), 20.5),
        (errors.ProviderThrottled("No."), UNTOLD_WAIT_S),
        (asking(errors.ProviderOverloaded("No."), 30), 30),
        (asking(errors.ProviderUnavailable("No."), 30), 30),
    ],
)
def test_who_asks_for_a_wait_is_free_when_it_is_over_and_hardly_later(error, least_s):
    assert least_s - 1 < free_in_s(error) <= least_s * (1 + WAIT_JITTER) + 0.01


def test_who_throttles_again_is_left_alone_for_longer_each_time_within_bounds():
    asked = asking(errors.ProviderThrottled("No."), 1)
    waits = [round(free_in_s(asked, rounds) / UNTOLD_WAIT_S) for rounds in (1, 3)]
    assert 2 <= waits[0] < 4
    assert 8 <= waits[1] < 10
    longest = free_in_s(asked, 30)
    assert LONGEST_BACKOFF_S - 1 < longest <= LONGEST_BACKOFF_S * (1 + WAIT_JITTER)


@pytest.mark.parametrize("name", sorted(errors.ERRORS_BY_NAME.keys() - {"ProviderThrottled"}))
def test_nothing_else_is_worth_a_wait_that_nobody_asked_for(name):
    assert failed(errors.ERRORS_BY_NAME[name]("No."))["free_at_ms"] == 0


def test_a_request_that_leaves_no_room_for_more_failures_waits_for_nobody():
    request = {"text": "x" * MOST_EVENT_BYTES}
    assert free_in_s(asking(errors.ProviderThrottled("No."), 1), request=request) == 0


def test_a_newer_key_is_worth_another_call_each_time():
    refused = errors.ProviderAuthFailed("No.")
    refused.repeatable = True
    before = {"candidate": candidate(), "error": caught(refused)}
    told = failed(refused, event(failures=[before]))
    assert (told["again"], told["wait_seconds"]) == (True, 0)


def test_an_attempt_tells_what_was_waited_for_before_it():
    asked = event(candidate=candidate(waited_seconds=2))
    assert attempt(asked, Answers(usage=USAGE)).attempt.waited_ms == 2_000


def test_an_attempt_tells_what_passed_while_aws_could_not_run_its_function():
    entered = "2026-11-24T10:00:00.000Z"
    output = attempt(event(retry_count=2, entered_at=entered), Answers(usage=USAGE))
    assert output.attempt.retries == 2
    assert output.attempt.waited_ms > 1_000
    first = attempt(event(entered_at=entered), Answers(usage=USAGE))
    assert first.attempt.waited_ms == 0


def test_cost_and_savings_add_up_to_the_baseline_over_all_attempts():
    unfit = called(errors.AnswerUnfit("No."), cost_nano_usd=5_000)
    failures = [{"candidate": candidate(), "error": caught(unfit)}] * 2
    usage = attempt(event(failures=failures), Answers(usage=USAGE)).logged_answer.usage
    assert usage.baseline_model == "gpt-4o"
    assert usage.total_cost_nano_usd == 10_000 + COST
    assert usage.baseline_cost_nano_usd == cost_nano_usd("gpt-4o", USAGE, TODAY)
    assert usage.total_cost_nano_usd + usage.savings_nano_usd == usage.baseline_cost_nano_usd


@pytest.mark.parametrize("baseline", [None, "gone"])
def test_without_a_baseline_nothing_is_saved_and_the_sum_still_holds(baseline):
    decided = decision(ranked(), baseline_model=baseline)
    usage = attempt(event(decision=decided), Answers(usage=USAGE)).answer.usage
    assert usage.model_dump(mode="json", exclude_none=True)["baseline_model"] is None
    assert usage.baseline_cost_usd == usage.total_cost_usd > 0
    assert not usage.savings_usd


def test_a_simulated_answer_costs_and_saves_nothing_and_says_what_it_would_have_cost():
    usage = attempt(event(mock=True), Answers(usage=USAGE)).logged_answer.usage
    assert (usage.total_cost_nano_usd, usage.savings_nano_usd) == (0, 0)
    assert usage.simulated_cost_nano_usd == COST
    assert usage.baseline_model is None


def test_an_answer_whose_price_this_function_does_not_know_is_kept(monkeypatch):
    from functions.invoke_provider import billing
    from functions.shared.catalogue.pricing import UnpricedModel

    def unpriced(*_):
        raise UnpricedModel

    monkeypatch.setattr(billing, "call_cost_nano_usd", unpriced)
    output = attempt(event(), Answers(usage=USAGE))
    assert output.answer.result == "Hi"
    assert output.attempt.possibly_billed_nano_usd == ESTIMATE
