import json
import time
from decimal import Decimal

import pytest

from functions.invoke_provider.attempt import MAX_ANSWER_BYTES, attempt, attempt_timeout_s
from functions.invoke_provider.providers.base import Completion
from functions.invoke_provider.sentiment import sentiment_json
from functions.shared import errors
from functions.shared.catalogue.pricing import cost_nano_usd, price_version
from functions.shared.catalogue.tokens import call_tokens
from functions.shared.contracts.request import FunctionCall, ToolCall
from functions.shared.contracts.states import InvokeInput, json_of
from functions.shared.times import utc
from functions.shared.vocabulary import Usage, usd
from tests.support.builders import called, candidate, caught, decision, profile, ranked

NOW_MS = 1_795_000_000_000
TODAY = utc(NOW_MS).date()
CLAUDES = ("claude-haiku-5-5", "claude-opus-5")


def event(task="chat", remaining=0, limit_ms=26_000, started_at_ms=None, *, mock=False, **changes):
    started = int(time.time() * 1000) if started_at_ms is None else started_at_ms
    decided = decision(
        *(ranked(one) for one in ("gpt-4o-mini", "gpt-4o", "local-sentiment")),
        excluded=[{"model": "gpt-4-turbo", "reason": "retired on 2026-10-23"}],
        price_version="2026-11-24",
        score_ms=1.6,
    )
    asked = profile(task, started, deadline_at_ms=started + limit_ms)
    states = {"profile": asked, "decision": decided, "candidate": candidate(mock=mock)}
    counts = {"failures": [], "remaining": remaining, "retry_count": 0}
    return InvokeInput.model_validate(
        {"request": {"text": "Hello?"}, **states, **counts, **changes}
    )


class Scripted:
    """A provider that answers, or fails, as it is told."""

    def __init__(self, outcome):
        self.outcome = outcome
        self.timeout_s = None

    def complete(self, prompt, candidate, timeout_s):
        self.timeout_s = timeout_s
        time.sleep(0.02)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def completion(text="Hi", tool_calls=(), finish="stop", usage=None):
    return Completion(text, tool_calls, finish, usage)


# The timeout


def left(seconds, **changes):
    """An event of a 26 s deadline with `seconds` of it left, by its timeout."""
    asked = event(started_at_ms=NOW_MS, **changes)
    return attempt_timeout_s(asked, NOW_MS + (26 - seconds) * 1000)


def test_the_last_candidate_may_use_all_that_is_left_but_a_second_for_recording():
    assert left(26) == pytest.approx(25)
    assert left(5) == pytest.approx(4)


@pytest.mark.parametrize(
    ("seconds", "timeout_s"), [(26, 25 * 0.7), (11, 10 - 4), (5, 4 / 2), (2, 1 / 2)]
)
def test_an_earlier_candidate_leaves_time_for_the_next(seconds, timeout_s):
    assert left(seconds, remaining=2) == pytest.approx(timeout_s)


@pytest.mark.parametrize("seconds", [1.49, 0.5, 0, -3])
def test_less_than_half_a_second_is_not_worth_a_paid_call(seconds):
    with pytest.raises(errors.DeadlineExceeded):
        left(seconds)


def test_a_short_deadline_keeps_most_of_itself_for_the_call():
    asked = event(started_at_ms=NOW_MS, limit_ms=2_000)
    assert attempt_timeout_s(asked, NOW_MS + 100) == pytest.approx(1.7)


def test_the_provider_is_given_the_attempts_timeout():
    provider = Scripted(completion())
    attempt(event(limit_ms=11_000), provider)
    assert 9.5 < provider.timeout_s <= 10


def test_the_provider_is_not_called_without_time():
    provider = Scripted(completion())
    with pytest.raises(errors.DeadlineExceeded):
        attempt(event(started_at_ms=NOW_MS), provider)
    assert provider.timeout_s is None


# Failures


def test_a_failure_tells_how_long_it_took_and_keeps_its_wait():
    failure = errors.ProviderThrottled("No.", retry_after_seconds=7)
    with pytest.raises(errors.ProviderThrottled) as raised:
        attempt(event(), Scripted(failure))
    assert raised.value.retry_after_seconds == 7
    assert 15 <= json.loads(str(raised.value))["call"]["elapsed_ms"] < 1000


def test_a_foreign_exception_is_a_failure_of_our_own_without_its_text():
    with pytest.raises(errors.EngineError) as raised:
        attempt(event(), Scripted(KeyError("the prompt")))
    assert "KeyError" in raised.value.message
    assert "the prompt" not in str(raised.value)
    assert type(raised.value) is errors.EngineError
    assert raised.value.call["elapsed_ms"] >= 15
    assert raised.value.call["possibly_billed_nano_usd"] > 0


def test_a_model_that_the_function_does_not_know_is_no_call_and_costs_nothing():
    provider = Scripted(completion())
    with pytest.raises(errors.ModelNotFound):
        attempt(event(candidate=candidate("gpt-99")), provider)
    assert provider.timeout_s is None


# The answer's form


def test_a_text_that_fits_is_left_as_it_is():
    text = "a" * (MAX_ANSWER_BYTES - 2)
    answer = attempt(event(), Scripted(completion(text))).answer
    assert answer.result == text
    assert answer.finish_reason == "stop"


@pytest.mark.parametrize("letter", ["a", "é", "😀", '"', "\n", "\x01"])
def test_a_text_too_long_for_a_state_is_cut_between_characters(letter):
    answer = attempt(event(), Scripted(completion(letter * MAX_ANSWER_BYTES))).answer
    size = len(json.dumps(answer.result, ensure_ascii=False).encode())
    assert MAX_ANSWER_BYTES - 6 < size <= MAX_ANSWER_BYTES
    assert set(answer.result) == {letter}
    assert answer.finish_reason == "length"


def call_with(arguments):
    function = FunctionCall(name="f", arguments=arguments)
    return ToolCall(id="call_1", function=function)


def test_tool_calls_are_never_cut():
    calls = (call_with("x" * MAX_ANSWER_BYTES),)
    with pytest.raises(errors.AnswerUnfit):
        attempt(event(), Scripted(completion("", calls, "tool_calls")))


def test_half_a_surrogate_pair_does_not_break_the_answer():
    broken = completion("a\ud83d", (call_with('{"a": "\udc00"}'),), "tool_calls")
    answer = attempt(event(), Scripted(broken)).answer
    assert answer.result == "a\ufffd"
    assert answer.tool_calls[0].function.arguments == '{"a": "\ufffd"}'
    assert answer.model_dump_json().encode()


# Sentiment


@pytest.mark.parametrize(
    "text",
    [
        '{"sentiment": "positive", "confidence": 0.9}',
        '```json\n{"sentiment": "Positive", "confidence": "0.9"}\n```',
        'Sure! {"confidence": 90, "sentiment": " POS "} I hope this helps.',
        '{"sentiment": "positive", "confidence": "90%", "why": "love"}',
    ],
)
def test_a_sentiment_is_read_however_the_model_wraps_it(text):
    assert json.loads(sentiment_json(text)) == {"sentiment": "positive", "confidence": 0.9}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "positive",
        "{}",
        '{"sentiment": "positive"}',
        '{"sentiment": "great", "confidence": 1}',
        '{"sentiment": "positive", "confidence": 900}',
        '{"sentiment": "positive", "confidence": -0.1}',
        '{"sentiment": "positive", "confidence": "nan"}',
        '{"sentiment": "positive", "confidence": "high"}',
        '{"sentiment": "positive", "confidence": null}',
    ],
)
def test_anything_else_is_unfit(text):
    with pytest.raises(errors.AnswerUnfit):
        sentiment_json(text)


def test_only_the_sentiment_task_is_held_to_its_form():
    assert attempt(event("chat"), Scripted(completion("Hi"))).answer.result == "Hi"
    with pytest.raises(errors.AnswerUnfit):
        attempt(event("sentiment"), Scripted(completion("Hi")))


# The accounting


def test_the_cost_is_what_the_stage_pays_the_provider():
    usage = Usage(input_tokens=1000, output_tokens=200)
    asked = event()
    context = asked.decision.routing_context.model_copy(
        update={"price_factors": {"openai": Decimal("1.1")}}
    )
    dearer = asked.decision.model_copy(update={"routing_context": context})
    output = attempt(
        asked.model_copy(update={"decision": dearer}), Scripted(completion(usage=usage))
    )
    # 1,000 x 0.15 and 200 x 0.60 dollars per million, and a tenth more
    assert output.attempt.cost_nano_usd == 297_000


def test_the_cost_and_the_savings_are_those_of_the_actual_tokens():
    usage = Usage(
        input_tokens=1000, cached_input_tokens=500, cache_write_tokens=20, output_tokens=200
    )
    output = attempt(event(), Scripted(completion(usage=usage)))
    told = output.answer.usage
    assert told.input_tokens == 1520
    assert told.cached_input_tokens == 500
    assert told.output_tokens == 200
    assert told.usage_source == "provider"
    assert told.total_cost_usd == usd(cost_nano_usd("gpt-4o-mini", usage, TODAY)) > 0
    assert told.baseline_cost_usd == usd(cost_nano_usd("gpt-4o", usage, TODAY))
    assert told.savings_usd == told.baseline_cost_usd - told.total_cost_usd > 0
    assert usd(output.attempt.cost_nano_usd) == told.total_cost_usd
    assert output.attempt.usage == usage


def test_savings_may_be_negative():
    dear = event(candidate=candidate("gpt-4o"))
    dear = dear.model_copy(
        update={"decision": dear.decision.model_copy(update={"baseline_model": "gpt-4o-mini"})}
    )
    usage = Usage(input_tokens=1000, output_tokens=200)
    answer = attempt(dear, Scripted(completion(usage=usage))).answer
    assert answer.usage.savings_usd < Decimal(0)


def test_an_answer_without_usage_is_estimated_and_says_so():
    answer = attempt(event(), Scripted(completion("nine byte"))).answer
    assert answer.usage.usage_source == "estimated"
    size = profile().input_size
    assert answer.usage.input_tokens == call_tokens(size, 0, "o200k") > 0
    assert answer.usage.output_tokens == 2
    assert answer.usage.total_cost_usd > 0


def test_the_answer_tells_how_it_came_about():
    slow = called(errors.ProviderTimeout("slow"), elapsed_ms=1234, possibly_billed_nano_usd=7)
    errors_caught = [
        caught(slow),
        {"Error": "Lambda.Unknown", "Cause": "Task timed out"},
    ]
    failures = [
        {"candidate": candidate(model, provider="anthropic"), "error": error}
        for model, error in zip(CLAUDES, errors_caught, strict=True)
    ]
    request = {"text": "Hello?", "explain": True}
    known = [ranked(model, estimated_cost_nano_usd=11) for model in CLAUDES]
    asked = event(failures=failures, retry_count=1, request=request)
    asked = asked.model_copy(
        update={"decision": asked.decision.model_copy(update={"reserve": known})}
    )
    output = attempt(asked, Scripted(completion()))
    routing = output.answer.routing
    assert routing.selected_model == "gpt-4o-mini"
    assert [one.model for one in routing.candidates] == ["gpt-4o-mini", "gpt-4o", "local-sentiment"]
    assert [one.model for one in routing.excluded] == ["gpt-4-turbo"]
    assert [(one.model, one.error, one.elapsed_ms) for one in routing.fallbacks] == [
        ("claude-haiku-5-5", "ProviderTimeout", 1234),
        ("claude-opus-5", "Lambda.Unknown", 0),
    ]
    assert output.answer.usage.possibly_billed_usd == usd(7 + 11)
    assert output.attempt.retries == 1
    assert output.attempt.outcome == "success"


def test_the_candidates_are_told_only_where_they_are_asked_for():
    answer = attempt(event(), Scripted(completion())).answer
    assert {"candidates", "excluded"}.isdisjoint(json_of(answer)["routing"])


def test_the_answers_prices_are_of_the_table_that_made_the_cost():
    answer = attempt(event(), Scripted(completion())).answer
    assert answer.usage.price_version == price_version() != "2026-11-24"


def test_the_times_add_up():
    started = int(time.time() * 1000) - 500
    answer = attempt(event(started_at_ms=started), Scripted(completion())).answer
    performance = answer.performance
    assert performance.routing_time_ms == 4
    assert 15 <= performance.inference_time_ms < 400
    assert 500 <= performance.total_time_ms < 1500


@pytest.mark.parametrize("mock", [True, False])
def test_the_answer_says_whether_it_was_simulated(mock):
    answer = attempt(event(mock=mock), Scripted(completion())).answer
    assert answer.mock is mock


# What an answer must be


def test_an_unsure_answer_gives_way_while_there_are_other_candidates():
    unsure = Completion("Perhaps.", (), "stop", None, unsure=True)
    with pytest.raises(errors.AnswerUnsure) as raised:
        attempt(event(remaining=1), Scripted(unsure))
    assert raised.value.call["elapsed_ms"] > 0
    assert attempt(event(remaining=0), Scripted(unsure)).answer.result == "Perhaps."


def test_an_unsure_answer_is_taken_when_its_model_comes_again():
    unsure = Completion("Perhaps.", (), "stop", None, unsure=True)
    before = {"error": {"Error": "AnswerUnsure", "Cause": ""}}
    others = [before | {"candidate": candidate("local-sentiment")}]
    with pytest.raises(errors.AnswerUnsure):
        attempt(event(remaining=1, failures=others), Scripted(unsure))
    own = [before | {"candidate": candidate()}]
    answered = attempt(event(remaining=1, failures=own), Scripted(unsure)).answer
    assert answered.result == "Perhaps."


def test_an_answer_that_is_not_the_json_asked_for_is_unfit():
    request = {"text": "x", "response_format": {"type": "json_object"}}
    with pytest.raises(errors.AnswerUnfit):
        attempt(event(request=request), Scripted(completion("Sure! {}")))
    answered = attempt(event(request=request), Scripted(completion('{"a": 1}'))).answer
    assert answered.result == '{"a": 1}'


def test_an_answer_that_was_cut_off_is_not_held_to_its_form():
    request = {"text": "x", "response_format": {"type": "json_object"}}
    answered = attempt(event(request=request), Scripted(completion('{"a', finish="length"))).answer
    assert (answered.result, answered.finish_reason) == ('{"a', "length")


def test_the_answer_names_its_prompt_and_what_was_left_out():
    request = {"text": "x", "temperature": 0.5}
    without = {
        "candidate": candidate("claude-opus-5"),
        "decision": decision(ranked("claude-opus-5")),
    }
    asked = event("code", request=request, **without)
    routing = attempt(asked, Scripted(completion())).answer.routing
    assert routing.prompt_version == "code.v1"
    assert [one.parameter for one in routing.dropped_parameters] == ["temperature"]


def test_the_attempt_keeps_every_part_of_the_usage_and_the_answer_the_whole():
    used = Usage(
        input_tokens=10, cached_input_tokens=60, cache_write_tokens=30, output_tokens=20,
        reasoning_tokens=15,
    )  # fmt: skip
    output = attempt(event(), Scripted(completion(usage=used)))
    assert output.attempt.usage == used
    told = output.answer.usage
    assert (told.input_tokens, told.cached_input_tokens, told.output_tokens) == (100, 60, 20)
