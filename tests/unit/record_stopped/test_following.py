import json
import time
from datetime import UTC, datetime

import pytest

from functions.record_metrics.finished_request import FinishedRequest
from functions.record_stopped import following
from functions.record_stopped.following import NotRecorded, follow_up
from functions.record_stopped.handler import lambda_handler
from functions.record_stopped.history import progress_of
from functions.shared.attempt_limits import OVERRUN_S
from functions.shared.caller import Limits
from functions.shared.contracts.states import Attempt, RecordInput, StateTimes, json_of
from functions.shared.errors import (
    BudgetExceeded,
    BudgetUnavailable,
    DeadlineExceeded,
    ProviderThrottled,
    TokensExceeded,
)
from functions.shared.money.budget import Hold
from functions.shared.money.budget_table import BudgetTable
from functions.shared.money.job_calls import call_change
from functions.shared.settings import StoppedSettings
from functions.shared.storage.state_table import StateTable
from tests.support.builders import candidate, caught, decision, profile, ranked
from tests.support.gateway_events import LambdaStub

MODEL, OTHER = "gpt-4o-mini", "gpt-4o"
ESTIMATED_NANO_USD = 1_000_000
SETTINGS = {
    "STATE_TABLE": "State",
    "BUDGETS_TABLE": "Budgets",
    "STOPPED_QUEUE_URL": "queue",
    "RECORD_FUNCTION": "record",
}
STARTED = datetime(2026, 11, 26, 10, tzinfo=UTC)
ABORTED = {
    "type": "ExecutionAborted",
    "executionAbortedEventDetails": {"error": "Aborted"},
    "timestamp": STARTED.replace(second=7),
}


def entered(name, second=1, kind="Task"):
    details = {"name": name, "input": "{}"}
    at = STARTED.replace(second=second)
    return {"type": f"{kind}StateEntered", "stateEnteredEventDetails": details, "timestamp": at}


def scheduled(payload):
    parameters = json.dumps({"FunctionName": "f", "Payload": payload})
    return {"type": "TaskScheduled", "taskScheduledEventDetails": {"parameters": parameters}}


def succeeded(payload):
    output = json.dumps({"StatusCode": 200, "Payload": payload})
    return {"type": "TaskSucceeded", "taskSucceededEventDetails": {"output": output}}


def failed(error):
    told = caught(error)
    details = {"error": told["Error"], "cause": told["Cause"]}
    return {"type": "TaskFailed", "taskFailedEventDetails": details}


class Job:
    """An execution, its history, and who is asked about it."""

    def __init__(self, deadline_in_s=100):
        now_ms = int(time.time() * 1000)
        deadline_at_ms = int(now_ms + 1000 * deadline_in_s)
        self.profile = json_of(
            profile(mode="async", started_at_ms=now_ms, deadline_at_ms=deadline_at_ms)
        )
        self.decision = json_of(decision(ranked(MODEL), ranked(OTHER)))
        self.recorded: list[RecordInput] = []
        self.sent: list[str] = []
        self.fails = False
        self.events = [
            {"type": "ExecutionStarted"},
            entered("Classify"),
            scheduled({"request": {"text": "hi"}, "request_id": "req_1"}),
        ]

    def classified(self):
        self.events.append(succeeded({"profile": self.profile, "request": {}, "logged_prompt": ""}))
        self.events += [entered("Score"), scheduled({"profile": self.profile})]
        return self

    def called(self, model=MODEL, failures=(), waited_seconds=0):
        self.events += [
            entered("Invoke Provider"),
            scheduled(
                {
                    "request": {"text": "hi"},
                    "profile": self.profile,
                    "decision": self.decision,
                    "candidate": json_of(candidate(model, waited_seconds=waited_seconds)),
                    "failures": list(failures),
                    "remaining": 1,
                }
            ),
        ]
        return self

    def then(self, *events):
        self.events += events
        return self

    def client(self, service):
        return {"stepfunctions": self, "sqs": self, "lambda": self}[service]

    def describe_execution(self, executionArn):  # noqa: N803 - boto3's
        asked = {"request_id": "req_1", "caller_id": "key-1", "mode": "async"}
        ended = {"stopDate": STARTED.replace(second=7), "error": "States.DataLimitExceeded"}
        return {"name": "req_1", "input": json.dumps(asked), "startDate": STARTED} | ended

    def get_paginator(self, name):
        assert name == "get_execution_history"
        return self

    def paginate(self, executionArn):  # noqa: N803
        half = len(self.events) // 2
        return [{"events": self.events[:half]}, {"events": self.events[half:]}]

    def send_message(self, QueueUrl, MessageBody):  # noqa: N803
        assert QueueUrl == "queue"
        self.sent.append(MessageBody)

    def invoke(self, FunctionName, Payload):  # noqa: N803
        assert FunctionName == "record"
        self.recorded.append(RecordInput.model_validate_json(Payload))
        return {"FunctionError": "Unhandled"} if self.fails else {"StatusCode": 200}


def body(status="ABORTED"):
    return json.dumps({"detail": {"executionArn": "arn:execution:req_1", "status": status}})


@pytest.fixture
def follow(state_table, monkeypatch):
    def followed(job, status="ABORTED"):
        monkeypatch.setattr(following, "client", job.client)
        follow_up(body(status), StoppedSettings.model_validate(SETTINGS))
        return job.recorded[-1] if job.recorded else None

    return followed


def keep(number, **fields):
    kept = {"model": MODEL, "provider": "openai", "outcome": "success"} | fields
    change = call_change("req_1", number, Attempt.model_validate(kept), datetime.now(UTC))
    StateTable("State").add(change)


def test_a_job_that_no_state_has_seen_is_recorded_as_it_was_asked_for(follow):
    recorded = follow(Job().then(ABORTED))
    assert (recorded.request_id, recorded.caller_id, recorded.mode) == ("req_1", "key-1", "async")
    assert recorded.started_at == "2026-11-26T10:00:00.000Z"
    assert (recorded.stopped, recorded.error.name) == ("ABORTED", "Aborted")
    # Not until it was recorded, some ten seconds later.
    assert FinishedRequest(recorded, datetime.now(UTC), "").latency_ms == 7_000
    assert recorded.profile is recorded.decision is recorded.attempt is None
    assert recorded.failures == []


def test_the_time_of_a_stopped_job_is_told_apart_as_far_as_it_came(follow):
    job = Job()
    job.events.append(succeeded({"profile": job.profile, "took_ms": 2.5}))
    job.then(entered("Claim"), scheduled({}), succeeded({"took_ms": 4.0}))
    job.then(entered("Wait For Answer", 2, "Wait"), entered("Claim", 4), scheduled({}))
    job.then(succeeded({"took_ms": 3.0}), entered("Wait For Answer", 5, "Wait"), ABORTED)
    recorded = follow(job)
    assert recorded.times == StateTimes(classify_ms=2.5, claim_ms=7.0, awaited_ms=4_000)
    spent = FinishedRequest(recorded, datetime.now(UTC), "").time_spent
    assert (spent.provider_ms, spent.waited_ms, spent.overhead_ms) == (0, 4_000, 3_000)


def test_a_pause_that_no_attempt_follows_is_a_wait_all_the_same(follow):
    job = Job().classified().called().then(failed(ProviderThrottled("busy")))
    recorded = follow(job.then(entered("Wait For Provider", 3, "Wait"), ABORTED))
    assert recorded.times.awaited_ms == 4_000
    job = Job().classified().called().then(failed(ProviderThrottled("busy")))
    job.then(entered("Wait For Provider", 3, "Wait")).called(waited_seconds=4).then(ABORTED)
    # It is told with the call that is under way.
    assert progress_of(job.events).known["times"]["awaited_ms"] == 0


def test_a_call_that_went_on_without_its_job_is_no_overhead_and_hides_none(follow):
    job = Job()
    job.events.append(succeeded({"profile": job.profile, "took_ms": 250.0}))
    job.called().then(ABORTED)
    keep(1, elapsed_ms=60_000, own_ms=50.0)
    spent = FinishedRequest(follow(job), datetime.now(UTC), "").time_spent
    assert (spent.provider_ms, spent.overhead_ms) == (6_700, 300)
    assert spent.steps_ms == {"classify": 250, "invoke": 50, "transit": 0}


def test_what_the_states_told_before_is_known(follow):
    recorded = follow(Job().classified().then(ABORTED))
    assert recorded.profile.request_id == "req_1"
    assert recorded.decision is None


def test_a_call_that_has_not_ended_is_waited_for(follow):
    job = Job().classified().called().then(ABORTED)
    assert follow(job) is None
    assert job.sent == [body()]


def test_what_the_call_took_is_recorded_once_it_is_kept(follow):
    job = Job().classified().called().then(ABORTED)
    keep(1, cost_nano_usd=7, elapsed_ms=900)
    recorded = follow(job)
    assert (recorded.attempt.cost_nano_usd, recorded.attempt.outcome) == (7, "success")
    assert job.sent == []


def test_a_call_is_kept_by_its_number(follow):
    failures = [{"candidate": json_of(candidate(OTHER)), "error": caught(ProviderThrottled("no"))}]
    job = Job().classified().called(failures=failures).then(ABORTED)
    keep(1, cost_nano_usd=7)
    assert follow(job) is None
    keep(2, cost_nano_usd=8)
    recorded = follow(job)
    assert recorded.attempt.cost_nano_usd == 8
    assert [one.candidate.model for one in recorded.failures] == [OTHER]


@pytest.mark.parametrize(
    ("status", "outcome"), [("ABORTED", "Aborted"), ("TIMED_OUT", "DeadlineExceeded")]
)
def test_a_call_whose_time_is_over_is_taken_for_as_dear_as_answers_are(follow, status, outcome):
    job = Job(deadline_in_s=-OVERRUN_S - 1).classified().called(waited_seconds=2).then(ABORTED)
    recorded = follow(job, status)
    assert recorded.attempt.possibly_billed_nano_usd == ESTIMATED_NANO_USD
    assert (recorded.attempt.cost_nano_usd, recorded.attempt.waited_ms) == (0, 2_000)
    assert (recorded.attempt.outcome, recorded.stopped) == (outcome, status)


def test_a_call_may_end_a_moment_after_the_deadline(follow):
    assert follow(Job(deadline_in_s=-OVERRUN_S / 2).classified().called().then(ABORTED)) is None


def test_a_job_that_is_stopped_between_calls_is_recorded_at_once_with_its_failures(follow):
    busy = ProviderThrottled("slow down")
    busy.call = {"elapsed_ms": 12}
    job = Job().classified().called(waited_seconds=3).then(failed(busy), ABORTED)
    recorded = follow(job)
    [failure] = recorded.failures
    assert (failure.candidate.model, failure.error.name) == (MODEL, "ProviderThrottled")
    assert (failure.candidate.waited_seconds, recorded.attempt) == (3, None)


@pytest.mark.parametrize(
    "error", [DeadlineExceeded, BudgetExceeded, BudgetUnavailable, TokensExceeded]
)
def test_what_kept_a_call_from_being_made_is_no_failed_call(follow, error):
    job = Job().classified().called().then(failed(error("no")), ABORTED)
    assert follow(job).failures == []


@pytest.mark.parametrize("held", [0, 5_000])
def test_a_call_whose_time_is_over_is_charged_all_that_is_held_for_it(follow, budgets_table, held):
    limits = Limits(month_nano_usd=10**9)
    hold = Hold("req_1", 1, held, 0, "2026-11-24", "", 1, "w")
    if held:
        budgets = BudgetTable(budgets_table)
        assert budgets.reserve("caller#key-1", limits, hold) is None
    job = Job(deadline_in_s=-OVERRUN_S - 1)
    job.profile["caller"] = {"limits": json_of(limits)}
    recorded = follow(job.classified().called().then(ABORTED))
    assert recorded.attempt.charged_nano_usd == held


def test_an_answer_that_was_not_recorded_is_an_attempt_of_the_stopped_job(follow):
    attempt = {"model": MODEL, "provider": "openai", "outcome": "success", "cost_nano_usd": 5}
    answered = succeeded({"attempt": attempt, "answer": {"result": "x"}, "error": None})
    recorded = follow(Job().classified().called().then(answered, ABORTED))
    assert (recorded.attempt.cost_nano_usd, recorded.answer) == (5, None)
    assert recorded.stopped == "ABORTED"


def test_what_the_local_machine_adds_after_the_end_does_not_count():
    busy = failed(ProviderThrottled("no"))
    progress = progress_of(Job().classified().called().then(ABORTED, busy).events)
    assert progress.called
    assert "failures" not in progress.known or progress.known["failures"] == []


def test_a_job_that_broke_is_a_failed_one(follow):
    end = {**ABORTED, "type": "ExecutionFailed"}
    recorded = follow(Job().classified().then(end), "FAILED")
    assert (recorded.stopped, recorded.error.name) == (None, "States.DataLimitExceeded")


def test_a_simulated_call_is_billed_by_nobody(follow):
    job = Job(deadline_in_s=-OVERRUN_S - 1).classified().called().then(ABORTED)
    parameters = json.loads(job.events[-2]["taskScheduledEventDetails"]["parameters"])
    parameters["Payload"]["candidate"]["mock"] = True
    job.events[-2] = scheduled(parameters["Payload"])
    assert follow(job).attempt.possibly_billed_nano_usd == 0


def test_a_failing_record_lets_the_message_come_again(state_table, monkeypatch, environment):
    environment(**SETTINGS)
    job = Job().then(ABORTED)
    job.fails = True
    monkeypatch.setattr(following, "client", job.client)
    with pytest.raises(NotRecorded):
        lambda_handler({"Records": [{"body": body()}]}, LambdaStub())
    job.fails = False
    lambda_handler({"Records": [{"body": body()}]}, LambdaStub())
    assert len(job.recorded) == 2
