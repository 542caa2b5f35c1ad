from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from functions.shared.contracts.decision import ModelHealth, TaskHistory
from functions.shared.contracts.states import Attempt
from functions.shared.health.circuit import BLOCK_MS, COOLDOWN_MS, availability, circuit_of
from functions.shared.health.counts import health_ids, health_of, minute_id
from functions.shared.storage.state_table import Change, StateTable
from functions.shared.storage.tables import MOST_READ, Table
from functions.shared.vocabulary import BUILT_IN_PROVIDERS, Usage
from functions.tally.health import health_changes
from tests.support.builders import decision, finished, ranked
from tests.support.row_stream import row_with

NOW = datetime(2026, 11, 24, 10, 0, 30, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
MODEL, OTHER = "gpt-4o-mini", "gpt-4o"
CANDIDATES = (ranked(MODEL), ranked(OTHER))


def _attempt(outcome="success", *, model=MODEL, elapsed_ms=1000, tokens=200):
    return Attempt(
        model=model,
        provider="openai",
        outcome=outcome,
        elapsed_ms=elapsed_ms,
        usage=Usage(output_tokens=tokens) if outcome == "success" else None,
    )


def _event(*candidates):
    decided = decision(*(candidates or CANDIDATES))
    return finished(decision=decided, error={"Error": "ProviderTimeout"})


@pytest.fixture
def state(state_table):
    return StateTable("State")


def _after(state, *attempts, now=None, event=None):
    """What is known of the models after these attempts, through the table."""
    at = now or datetime.now(UTC)
    for change in health_changes(row_with(event or _event(), attempts, at)):
        state.add(change)
    return health_of(state.read(health_ids(["openai", "anthropic"], at)).values())


def test_an_answer_counts_as_attempt_and_in_the_history_of_its_task(state):
    known = _after(state, _attempt(elapsed_ms=1000), _attempt(elapsed_ms=3000, tokens=400))
    assert known == {
        MODEL: ModelHealth(
            ok=2,
            answers=2,
            latency_ms=4000,
            latency_ms_squared=10_000_000,
            output_tokens=600,
            tasks={
                "chat": TaskHistory(answers=2, output_tokens=600, output_tokens_squared=200_000)
            },
        )
    }


def test_a_refusal_that_another_provider_refutes_is_a_fault_of_the_first(state):
    assert _after(state, _attempt("RequestDoubted"), _attempt(model=OTHER))[MODEL].faults == 1


def test_a_refusal_that_another_confirms_says_nothing_of_either(state):
    refused = finished(
        decision=decision(*CANDIDATES), error={"Error": "RequestDoubted", "Cause": ""}
    )
    doubts = (_attempt("RequestDoubted"), _attempt("RequestDoubted", model=OTHER))
    assert _after(state, *doubts, event=refused) == {}


def test_what_a_model_cannot_take_never_counts_against_it(state):
    assert MODEL not in _after(state, _attempt("RequestUnsupported"), _attempt(model=OTHER))


def test_counts_of_several_requests_add_up(state):
    for _ in range(3):
        known = _after(state, _attempt(), _attempt("ProviderUnavailable", model=OTHER))
    assert known[MODEL].ok == known[MODEL].tasks["chat"].answers == 3
    assert (known[OTHER].ok, known[OTHER].faults) == (0, 3)


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [
        ("success", "ok"),
        ("AnswerUnsure", "ok"),
        ("ContentFiltered", "ok"),
        ("ContextWindowExceeded", "ok"),
        ("InvalidRequest", "ok"),
        ("ProviderOverloaded", "faults"),
        ("ProviderUnavailable", "faults"),
        ("ProviderBadResponse", "faults"),
        ("ProviderAuthFailed", "faults"),
        ("ProviderQuotaExhausted", "faults"),
        ("ModelNotFound", "faults"),
        ("ProviderThrottled", "throttles"),
        ("DeadlineExceeded", None),
        ("States.Timeout", None),
        ("Runtime.OutOfMemory", None),
    ],
)
def test_each_outcome_says_what_it_says_of_the_model_and_no_more(state, outcome, counted):
    found = _after(state, _attempt(outcome)).get(MODEL, ModelHealth())
    counts = {name: getattr(found, name) for name in ("ok", "faults", "throttles")}
    assert counts == {name: int(name == counted) for name in counts}


def test_a_timeout_counts_only_where_the_model_had_the_time_that_it_usually_needs(state):
    usual_ms = CANDIDATES[0].p95_latency_ms
    hurried = _after(state, _attempt("ProviderTimeout", elapsed_ms=usual_ms - 1))
    assert MODEL not in hurried
    slow = _after(state, _attempt("ProviderTimeout", elapsed_ms=usual_ms))
    assert slow[MODEL].faults == 1


def test_simulated_attempts_say_nothing_of_the_model(state):
    assert _after(state, _attempt(), event=_event(ranked(MODEL, mock=True))) == {}


@pytest.mark.parametrize("outcome", ["ProviderAuthFailed", "ProviderQuotaExhausted"])
def test_a_refused_account_blocks_every_model_of_its_provider(state, outcome):
    known = _after(state, _attempt(outcome))
    at_ms = known["openai"].blocked_at_ms
    assert circuit_of(OTHER, "openai", known, at_ms + BLOCK_MS - 1)[0] == "open"
    assert circuit_of(OTHER, "openai", known, at_ms + BLOCK_MS)[0] == "half_open"
    assert circuit_of("claude-haiku-5-5", "anthropic", known, at_ms)[0] == "closed"


def test_an_unknown_model_blocks_itself_alone(state):
    known = _after(state, _attempt("ModelNotFound"))
    at_ms = known[MODEL].blocked_at_ms
    assert circuit_of(MODEL, "openai", known, at_ms)[0] == "open"
    assert circuit_of(OTHER, "openai", known, at_ms)[0] == "closed"


@pytest.mark.parametrize(
    ("ok", "faults", "since_ms", "circuit"),
    [
        (0, 4, 0, "closed"),
        (0, 5, 0, "open"),
        (5, 5, 0, "open"),
        (6, 5, 0, "closed"),
        (5, 5, COOLDOWN_MS - 1, "open"),
        (5, 5, COOLDOWN_MS, "half_open"),
    ],
)
def test_a_circuit_opens_on_enough_faults_and_a_large_share_of_them(ok, faults, since_ms, circuit):
    record = ModelHealth(ok=ok, faults=faults, last_fault_at_ms=NOW_MS)
    assert circuit_of(MODEL, "openai", {MODEL: record}, NOW_MS + since_ms)[0] == circuit


def test_throttling_lowers_the_availability_and_opens_no_circuit():
    record = ModelHealth(throttles=50, ok=2)
    assert circuit_of(MODEL, "openai", {MODEL: record}, NOW_MS)[0] == "closed"
    assert availability(record) == 12 / 62


def test_what_is_unknown_counts_as_available():
    assert availability(None) == availability(ModelHealth()) == 1


def test_only_the_last_minutes_count_for_the_circuit_and_two_days_for_the_rest():
    ids = health_ids(["openai"], NOW)
    assert minute_id("openai", NOW) in ids
    assert minute_id("openai", NOW - timedelta(minutes=5)) in ids
    assert minute_id("openai", NOW - timedelta(minutes=6)) not in ids
    assert {"health#openai#2026-11-24", "health#openai#2026-11-23"} <= set(ids)


def test_the_items_of_every_provider_of_the_catalogue_are_one_look_up():
    assert len(health_ids(BUILT_IN_PROVIDERS, NOW)) <= MOST_READ


def test_what_many_added_providers_have_is_read_as_well(state):
    at = int(datetime.now(UTC).timestamp()) + 60
    ids = health_ids([*BUILT_IN_PROVIDERS, *(f"added_{number}" for number in range(20))], NOW)
    assert len(ids) > 2 * MOST_READ
    for state_id in (ids[0], ids[-1]):
        state.add(Change(state_id, at, {f"ok|{MODEL}": 1}))
    assert state.read(ids).keys() == {ids[0], ids[-1]}


def test_what_has_expired_is_not_read(state):
    past = int(datetime.now(UTC).timestamp()) - 1
    state.add(Change("health#openai#old", past, {f"ok|{MODEL}": 1}))
    state.add(Change("health#openai#new", past + 60, {f"ok|{MODEL}": 1}))
    assert state.read(["health#openai#old", "health#openai#new"]).keys() == {"health#openai#new"}


def test_the_last_error_of_a_provider_is_that_of_its_latest_fault(state):
    now = datetime.now(UTC)
    _after(state, _attempt("ProviderTimeout", elapsed_ms=9_000), now=now - timedelta(minutes=2))
    failed = (_attempt("ProviderUnavailable", model=OTHER), _attempt("ProviderThrottled"))
    known = _after(state, *failed, _attempt(), now=now)
    assert known["openai"].last_error == f"{int(now.timestamp() * 1000)} ProviderThrottled"
    assert known[MODEL].last_error == known[OTHER].last_error == ""


@pytest.mark.parametrize("outcome", ["success", "AnswerUnsure", "InvalidRequest", "States.Timeout"])
def test_what_says_nothing_against_a_provider_is_not_its_last_error(state, outcome):
    assert "openai" not in _after(state, _attempt(outcome))


def test_a_late_record_of_an_older_error_does_not_hide_a_newer_one(state):
    now = datetime.now(UTC)
    _after(state, _attempt("ProviderUnavailable"), now=now)
    _after(state, _attempt("ProviderOverloaded"), now=now - timedelta(minutes=1))
    known = health_of(state.read(health_ids(["openai"], now)).values())
    assert known["openai"].last_error.endswith(" ProviderUnavailable")


def test_a_table_that_answers_for_some_items_only_is_no_answer(state, monkeypatch):
    class Busy:
        def batch_get_item(self, RequestItems):  # noqa: N803 - the name that boto3 takes
            return {"Responses": {}, "UnprocessedKeys": RequestItems}

    monkeypatch.setattr(state, "_table", Table("State", Busy()))
    with pytest.raises(ClientError, match="Throttling"):
        state.read(["health#openai#1"])
