import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.score.estimates import (
    expected_latency,
    expected_output_tokens,
    expected_quality,
    usual_output_tokens,
)
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.decision import ModelHealth, Prediction, TaskHistory
from functions.shared.policy.routing_policy import Policy, load_policy
from tests.support.builders import profile

MODEL = load_catalogue().get("gpt-4o-mini")  # 400 ms to the first token, then 140 a second


def _health(answers, latency_ms, output_tokens=100, spread=0.0):
    """Answers that take this long on average, half of them longer and half shorter by `spread`."""
    squared = round(latency_ms**2 * (1 + spread**2))
    return ModelHealth(
        answers=answers,
        latency_ms=answers * latency_ms,
        latency_ms_squared=answers * squared,
        output_tokens=answers * output_tokens,
    )


def test_without_answers_the_latency_is_the_catalogues():
    latency = expected_latency(MODEL, 140, None)
    assert latency.mean_ms == 1400
    assert latency.p95_ms == pytest.approx(1.95 * 1400, rel=0.01)


def test_twenty_answers_weigh_as_much_as_the_catalogue():
    slow = _health(20, 2 * 1400, output_tokens=140)
    assert expected_latency(MODEL, 140, slow).mean_ms == 1.5 * 1400


def test_many_answers_decide_the_latency_whatever_their_length_was():
    slow = _health(100_000, 2 * 2400, output_tokens=280)
    assert expected_latency(MODEL, 140, slow).mean_ms == pytest.approx(2 * 1400, rel=0.001)


def test_steady_answers_bring_the_95th_percentile_near_the_mean():
    steady = expected_latency(MODEL, 140, _health(10_000, 1400, 140, spread=0.05))
    wild = expected_latency(MODEL, 140, _health(10_000, 1400, 140, spread=1.0))
    assert steady.p95_ms == pytest.approx(steady.mean_ms * math.exp(1.645 * 0.05), rel=0.02)
    assert wild.p95_ms > 2 * wild.mean_ms


@given(
    answers=st.integers(0, 10**6),
    latency_ms=st.integers(0, 10**6),
    tokens=st.integers(0, 10**5),
    spread=st.floats(0, 50),
)
def test_a_latency_is_never_negative_nor_over_its_95th_percentile(
    answers, latency_ms, tokens, spread
):
    latency = expected_latency(MODEL, 100, _health(answers, latency_ms, tokens, spread))
    assert 0 <= latency.mean_ms <= latency.p95_ms


def test_the_length_of_an_answer_is_drawn_to_what_the_model_wrote_on_the_task():
    health = ModelHealth(tasks={"chat": {"answers": 20, "output_tokens": 20 * 1050}})
    assert expected_output_tokens(MODEL, "chat", None) == 350
    assert expected_output_tokens(MODEL, "chat", health) == (350 + 1050) / 2
    assert expected_output_tokens(MODEL, "code", health) == 700


def _fitted(**quality):
    default = load_policy("default").model_dump(mode="json")
    rows = {task: {"quality": value, "sd": 0.1, "grades": 50} for task, value in quality.items()}
    return Policy.model_validate(default | {"name": "own", "quality": {MODEL.id: rows}})


def test_a_fitted_quality_takes_the_place_of_the_public_one_for_its_task_alone():
    policy = _fitted(chat=0.9)
    assert expected_quality(MODEL, profile("chat"), policy) == 0.9
    assert expected_quality(MODEL, profile("code"), policy) == MODEL.quality["code"]


def test_of_a_guessed_task_the_worst_quality_counts():
    guessed = profile("chat", task_unsure=True)
    worst = min(MODEL.quality.values())
    assert expected_quality(MODEL, guessed, load_policy("default")) == worst
    assert expected_quality(MODEL, guessed, _fitted(code=0.01)) == 0.01


@pytest.mark.parametrize(("will_do", "quality"), [(0.7, 0.9), (0.9, 1.0), (0.2, 0.4), (0.0, 0.2)])
def test_a_prompt_on_which_the_model_does_better_than_usual_raises_its_quality(will_do, quality):
    policy = _fitted(chat=0.7)
    told = Prediction(weak=MODEL.id, strong="gpt-6-astra", will_do=will_do, usual=0.5)
    asked = profile("chat", predictions={policy.version: [told]})
    assert expected_quality(MODEL, asked, policy) == pytest.approx(quality)


def test_another_policys_predictions_do_not_count():
    told = Prediction(weak=MODEL.id, strong="gpt-6-astra", will_do=1, usual=0.5)
    asked = profile("chat", predictions={"other-1": [told]})
    assert expected_quality(MODEL, asked, _fitted(chat=0.7)) == 0.7


def _lengths(answers, mean, spread):
    """As `_health`, of the answers to the task `chat`."""
    squared = round(mean**2 * (1 + spread**2))
    history = TaskHistory(
        answers=answers, output_tokens=answers * mean, output_tokens_squared=answers * squared
    )
    return ModelHealth(tasks={"chat": history})


def test_without_answers_the_99th_percentile_of_a_length_is_that_of_the_prior_spread():
    prior = expected_output_tokens(MODEL, "chat", None)
    assert usual_output_tokens(MODEL, "chat", None) == pytest.approx(4.62 * prior, rel=0.01)


def test_many_answers_decide_the_99th_percentile_of_their_length():
    steady, wild = _lengths(100_000, 200, 0.1), _lengths(100_000, 200, 1.0)
    assert usual_output_tokens(MODEL, "chat", steady) == pytest.approx(
        200 * math.exp(2.326 * 0.1), rel=0.02
    )
    assert usual_output_tokens(MODEL, "chat", wild) == pytest.approx(
        200 * math.exp(2.326 * math.log(2) ** 0.5 - math.log(2) / 2), rel=0.02
    )


def test_answers_of_which_no_squares_were_counted_keep_the_prior_spread():
    history = TaskHistory(answers=10**6, output_tokens=200 * 10**6)
    uncounted = usual_output_tokens(MODEL, "chat", ModelHealth(tasks={"chat": history}))
    assert uncounted == pytest.approx(4.62 * 200, rel=0.01)


@given(st.integers(0, 10**6), st.integers(1, 10**5), st.floats(0, 50))
def test_a_usual_length_is_never_under_the_expected_one(answers, mean, spread):
    health = _lengths(answers, mean, spread)
    expected = expected_output_tokens(MODEL, "chat", health)
    assert usual_output_tokens(MODEL, "chat", health) >= expected
