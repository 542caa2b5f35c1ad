"""No caller's own trouble makes a model look down to everybody."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.shared.contracts.states import Attempt
from functions.shared.health.circuit import MIN_FAULTS, circuit_of
from functions.shared.health.counts import caller_number, health_of
from functions.shared.storage.state_table import StateTable
from functions.shared.times import epoch_ms
from functions.tally.health import health_changes
from tests.support.builders import decision, finished, ranked
from tests.support.row_stream import row_with

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
MODEL = "gpt-4o-mini"
FAULT, FINE, UNFIT = "ProviderUnavailable", "success", "AnswerUnfit"


def attempt(outcome):
    return Attempt(model=MODEL, provider="openai", outcome=outcome, elapsed_ms=5)


@pytest.fixture
def state(state_table):
    return StateTable(state_table.name)


def ended(state, caller, *outcomes, at=NOW):
    """A request of the caller, whose attempts at the model ended so."""
    event = finished(
        caller_id=caller, decision=decision(ranked(MODEL)), error={"Error": "ProviderUnavailable"}
    )
    for change in health_changes(row_with(event, map(attempt, outcomes), at)):
        state.add(change)


def circuit(state_table):
    health = health_of(state_table.scan()["Items"])
    return circuit_of(MODEL, "openai", health, epoch_ms(NOW))[0]


def test_callers_have_numbers_that_mostly_differ():
    assert len({caller_number(f"key-{number}") for number in range(50)}) > 25
    assert caller_number("a") != caller_number("b")


def test_one_caller_alone_opens_no_circuit_where_others_are_answered(state, state_table):
    for _ in range(3 * MIN_FAULTS):
        ended(state, "a", FAULT)
    ended(state, "b", FINE)
    assert circuit(state_table) == "closed"


def test_two_callers_open_it_and_so_does_one_that_is_alone(state, state_table):
    for _ in range(MIN_FAULTS):
        ended(state, "a", FAULT)
    assert circuit(state_table) == "open"
    ended(state, "b", FINE)
    assert circuit(state_table) == "closed"
    ended(state, "b", FAULT)
    assert circuit(state_table) == "open"


def test_answers_from_before_the_first_fault_tell_nothing(state, state_table):
    ended(state, "b", FINE, at=NOW - timedelta(minutes=2))
    for _ in range(MIN_FAULTS):
        ended(state, "a", FAULT)
    assert circuit(state_table) == "open"


def test_answers_that_do_not_fit_open_nothing_whoever_asked(state, state_table):
    for caller in ("a", "b", "c"):
        for _ in range(3 * MIN_FAULTS):
            ended(state, caller, UNFIT)
    assert circuit(state_table) == "closed"
    assert health_of(state_table.scan()["Items"])[MODEL].faults == 0


def test_an_old_key_that_was_replaced_in_time_blocks_nobody(state, state_table):
    ended(state, "a", "ProviderAuthFailed", FINE)
    assert circuit(state_table) == "closed"


@pytest.mark.parametrize("outcomes", [["ProviderAuthFailed"], ["ProviderAuthFailed"] * 2])
def test_a_key_that_is_refused_in_the_end_blocks_the_provider(state, state_table, outcomes):
    ended(state, "a", *outcomes)
    assert circuit(state_table) == "open"
