import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.record_metrics.time_spent import time_spent
from functions.shared.contracts.states import Attempt, StateTimes

MS = st.integers(0, 10**7)
PART_MS = st.floats(0, 1e6).map(lambda ms: round(ms, 3))


def attempt(elapsed_ms=0, waited_ms=0, retried_ms=0, own_ms=0.0):
    named = {"model": "gpt-4o", "provider": "openai", "outcome": "success"}
    times = {"elapsed_ms": elapsed_ms, "waited_ms": waited_ms, "retried_ms": retried_ms}
    return Attempt.model_validate(named | times | {"own_ms": own_ms})


ATTEMPTS = st.lists(
    st.tuples(MS, MS, MS, PART_MS).map(
        lambda told: attempt(told[0], told[1] + told[2], told[2], told[3])
    ),
    max_size=6,
)
TIMES = st.builds(
    StateTimes,
    classify_ms=st.none() | PART_MS,
    claim_ms=st.none() | PART_MS,
    score_ms=st.none() | PART_MS,
    awaited_ms=MS,
)


@given(MS, ATTEMPTS, st.none() | TIMES, st.booleans())
def test_each_part_is_told_once_whatever_clocks_say(total_ms, attempts, times, is_stopped):
    spent = time_spent(total_ms, attempts, times, is_stopped=is_stopped)
    assert spent.provider_ms + spent.waited_ms + spent.overhead_ms == total_ms
    assert min(spent.provider_ms, spent.waited_ms, spent.overhead_ms) >= 0
    if times is None:
        assert spent.steps_ms is None
    else:
        assert sum(spent.steps_ms.values()) == pytest.approx(spent.overhead_ms, abs=0.01)
        assert min(spent.steps_ms.values()) >= 0


def test_what_clocks_agree_on_is_told_as_it_was():
    times = StateTimes(classify_ms=1.5, score_ms=4, awaited_ms=2_000)
    attempts = [attempt(500, own_ms=2), attempt(700, 3_000, own_ms=2.25)]
    spent = time_spent(6_300, attempts, times, is_stopped=False)
    assert (spent.provider_ms, spent.waited_ms, spent.overhead_ms) == (1_200, 5_000, 100)
    assert spent.steps_ms == {"classify": 1.5, "score": 4, "invoke": 4.25, "transit": 90.25}


def test_a_wait_until_lambda_had_room_is_ours():
    call = attempt(500, waited_ms=3_000, retried_ms=2_000)
    spent = time_spent(4_000, [call], StateTimes(), is_stopped=False)
    assert (spent.waited_ms, spent.overhead_ms) == (1_000, 2_500)


def test_a_step_that_was_never_run_is_not_told():
    spent = time_spent(10, [], StateTimes(classify_ms=1), is_stopped=False)
    assert spent.steps_ms == {"classify": 1, "transit": 9}
