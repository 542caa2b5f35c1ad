import boto3
import pytest

from functions.record_metrics.recording import record
from functions.shared.contracts.states import RecordInput
from functions.shared.errors import (
    Aborted,
    AnswerUnfit,
    InvalidRequest,
    NoEligibleModel,
    ProviderThrottled,
    ProviderTimeout,
    RequestDoubted,
    RequestUnsupported,
)
from functions.shared.never_ran import NEVER_RAN
from functions.shared.storage.request_log import RequestLog, unpacked
from tests.support.builders import called, candidate, caught, decision, finished, ranked
from tests.support.recording import stores

SERVICE = "llm-orchestrator-test"
TABLE = "Requests"
ESTIMATED_NANO_USD, WORST_CASE_NANO_USD = 60_000_000, 250_000_000
COST_NANO_USD = 5_000_000
SLOW = {"possibly_billed_nano_usd": ESTIMATED_NANO_USD, "elapsed_ms": 900}


@pytest.fixture(autouse=True)
def _service(monkeypatch):
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", SERVICE)


@pytest.fixture
def table(requests_table, state_table):
    return requests_table


@pytest.fixture
def queue_url(aws):
    return boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]


def _failure(error, model="gpt-4o"):
    failed = candidate(model, worst_case_cost_nano_usd=WORST_CASE_NANO_USD)
    return {"candidate": failed, "error": caught(error)}


DECIDED = decision(
    *(
        ranked(
            model,
            estimated_cost_nano_usd=ESTIMATED_NANO_USD,
            worst_case_cost_nano_usd=WORST_CASE_NANO_USD,
        )
        for model in ("gpt-4o", "gpt-4o-mini", "claude-haiku-4-5")
    )
)


def _event(*failures, error):
    return finished(failures=list(failures), error=error, decision=DECIDED)


def _record(event, queue_url):
    return record(event, stores(queue_url), trace_id="1-abc")


THROTTLED = {"Error": "Lambda.TooManyRequestsException", "Cause": "Rate Exceeded."}


@pytest.mark.parametrize("name", NEVER_RAN)
def test_a_function_that_never_ran_costs_nothing_and_says_nothing_of_the_model(
    name, table, state_table, queue_url
):
    refused = {**_failure(ProviderThrottled("")), "error": {"Error": name, "Cause": "no"}}
    _record(_event(refused, error=refused["error"]), queue_url)
    [item] = table.scan()["Items"]
    row = unpacked(item)
    assert row["cost_nano_usd"] == 0
    assert "possibly_billed_nano_usd" not in row
    assert not [one for one in state_table.scan()["Items"] if "health" in one["state_id"]]


@pytest.mark.parametrize("name", ["Lambda.Unknown", "Runtime.ExitError", "States.Timeout"])
def test_a_crash_may_have_been_billed(name, table, queue_url):
    crashed = {**_failure(ProviderThrottled("")), "error": {"Error": name, "Cause": "no"}}
    _record(_event(crashed, error=crashed["error"]), queue_url)
    [item] = table.scan()["Items"]
    assert (item["cost_nano_usd"], item["possibly_billed_nano_usd"]) == (0, ESTIMATED_NANO_USD)


@pytest.mark.parametrize("tried", [0, 2])
def test_a_request_that_lambda_had_no_room_for_is_one_too_many(tried, table, queue_url):
    refused = {**_failure(ProviderThrottled("")), "error": THROTTLED}
    output = _record(_event(*[refused] * tried, error=THROTTLED), queue_url)
    assert output.code == "rate_limited"
    assert output.body["error"]["retry_after_seconds"] > 0


def test_a_request_that_providers_failed_too_is_no_mere_request_too_many(table, queue_url):
    failures = [
        _failure(ProviderThrottled("slow")),
        {**_failure(ProviderThrottled("")), "error": THROTTLED},
    ]
    output = _record(_event(*failures, error=THROTTLED), queue_url)
    assert output.code == "all_providers_failed"
    assert len(output.body["error"]["details"]) == 2


def test_a_repeated_record_leaves_one_row(table, queue_url):
    error = ProviderThrottled("slow down", retry_after_seconds=3)
    event = _event(_failure(error), error=caught(error))
    first, second = _record(event, queue_url), _record(event, queue_url)
    assert first == second
    assert table.scan()["Count"] == 1


def test_all_candidates_failing_shows_every_attempt(table, queue_url):
    slow = called(ProviderTimeout("no answer"), **SLOW)
    busy = ProviderThrottled("slow down", retry_after_seconds=3)
    output = _record(
        _event(_failure(slow), _failure(busy, "claude-haiku-4-5"), error=caught(busy)), queue_url
    )
    assert output.code == "all_providers_failed"
    shown = output.body["error"]
    assert [(one["model"], one["error"]) for one in shown["details"]] == [
        ("gpt-4o", "ProviderTimeout"),
        ("claude-haiku-4-5", "ProviderThrottled"),
    ]
    assert shown["retry_after_seconds"] == 3


def test_the_least_wait_that_was_told_is_told_on(table, queue_url):
    waits = [ProviderThrottled("busy", retry_after_seconds=seconds) for seconds in (30, 20, 0)]
    failures = [_failure(wait) for wait in waits]
    output = _record(_event(*failures, error=caught(waits[-1])), queue_url)
    assert output.body["error"]["retry_after_seconds"] == 20


@pytest.mark.parametrize("kind", [RequestDoubted, RequestUnsupported])
def test_a_request_that_all_refuse_is_the_callers_error(kind, table, queue_url):
    error = kind("openai answered 400")
    output = _record(_event(_failure(error), _failure(error), error=caught(error)), queue_url)
    assert (output.code, output.body["error"]["message"]) == (
        "invalid_request",
        "openai answered 400",
    )


def test_a_request_that_one_refuses_while_others_fail_may_be_sent_again(table, queue_url):
    refused, slow = RequestUnsupported("openai answered 400"), ProviderTimeout("slow")
    output = _record(_event(_failure(slow), _failure(refused), error=caught(refused)), queue_url)
    assert output.code == "all_providers_failed"


def test_a_timeout_is_logged_as_possibly_billed_and_a_throttle_is_not(table, queue_url):
    slow = called(ProviderTimeout("no answer"), **SLOW)
    busy = called(ProviderThrottled("slow down"))
    _record(_event(_failure(slow), _failure(busy), error=caught(busy)), queue_url)
    attempts = RequestLog(TABLE).get("req_1")["attempts"]
    billed = [(one["cost_nano_usd"], one.get("possibly_billed_nano_usd")) for one in attempts]
    assert billed == [(0, ESTIMATED_NANO_USD), (0, None)]


def test_what_a_failed_attempt_was_billed_is_the_requests_cost(table, queue_url):
    usage = {"input_tokens": 1000, "output_tokens": 100}
    unfit = called(AnswerUnfit("no JSON"), cost_nano_usd=COST_NANO_USD, usage=usage)
    _record(_event(_failure(unfit), _failure(unfit), error=caught(unfit)), queue_url)
    row = RequestLog(TABLE).get("req_1")
    assert row["cost_nano_usd"] == 2 * COST_NANO_USD
    assert row["savings_nano_usd"] == -2 * COST_NANO_USD
    assert [one["usage"]["input_tokens"] for one in row["attempts"]] == [1000, 1000]


def test_a_pause_before_a_function_that_crashed_is_kept(table, queue_url):
    waited = candidate("gpt-4o", waited_seconds=2)
    crashed = {"candidate": waited, "error": {"Error": "Runtime.ExitError"}}
    event = _event(crashed, error=crashed["error"])
    _record(event, queue_url)
    assert RequestLog(TABLE).get("req_1")["attempts"][0]["waited_ms"] == 2000


def test_a_refused_request_keeps_why_and_what_was_out(table, queue_url):
    out = [{"model": "gpt-4o", "reason": "may cost 1 USD, over the limit of 0.1"}]
    refused = NoEligibleModel("No model fits.", details=out)
    _record(_event(error=caught(refused)).model_copy(update={"decision": None}), queue_url)
    row = RequestLog(TABLE).get("req_1")
    assert row["error"]["details"] == out
    assert row["decision"] == {"candidates": [], "reserve": [], "excluded": out}


def test_a_row_that_cannot_be_written_waits_in_the_dead_letter_queue(aws, queue_url):
    event = _event(error=caught(ProviderTimeout("x")))
    output = _record(event, queue_url)
    assert output.code == "all_providers_failed"
    [message] = boto3.client("sqs").receive_message(QueueUrl=queue_url)["Messages"]
    assert RecordInput.model_validate_json(message["Body"]) == event


def test_too_small_context_windows_everywhere_are_the_callers_error(table, queue_url):
    error = {"Error": "ContextWindowExceeded", "Cause": ""}
    output = _record(_event(_failure(ProviderTimeout("x")), error=error), queue_url)
    assert (output.code, output.body["error"]["details"][0]["field"]) == ("invalid_request", "body")


def test_a_passed_deadline_is_its_own_code_with_the_attempts(table, queue_url):
    error = {"Error": "DeadlineExceeded", "Cause": ""}
    output = _record(_event(_failure(ProviderTimeout("x")), error=error), queue_url)
    assert output.code == "deadline_exceeded"
    assert output.body["error"]["details"][0]["error"] == "ProviderTimeout"


def test_a_row_lists_what_its_metrics_count(table, queue_url):
    slow = called(ProviderTimeout("no answer"), **SLOW)
    busy = called(ProviderThrottled("slow down"))
    _record(_event(_failure(busy, "gpt-4o-mini"), _failure(slow), error=caught(slow)), queue_url)
    row = table.get_item(Key={"request_id": "req_1"})["Item"]
    listed = (
        "status",
        "error_code",
        "model",
        "provider",
        "fallbacks",
        "possibly_billed_nano_usd",
        "trace_id",
    )
    assert [row[name] for name in listed] == [
        *("FAILED", "all_providers_failed", "gpt-4o", "openai", 1, ESTIMATED_NANO_USD, "1-abc")
    ]
    assert row["day"] == "2026-11-24"
    assert row["latency_ms"] > 0


def test_a_decision_on_a_model_that_this_function_does_not_know_is_recorded(table, queue_url):
    refused = caught(InvalidRequest("wrong"))
    event = _event(error=refused).model_copy(update={"decision": decision(ranked("gpt-99"))})
    _record(event, queue_url)
    [logged] = RequestLog(TABLE).get("req_1")["decision"]["candidates"]
    assert (logged["model"], logged["provider"]) == ("gpt-99", "")


def test_a_failed_requests_prompt_is_kept_where_the_stage_logs_prompts(table, queue_url):
    event = _event(error=caught(InvalidRequest("wrong")))
    _record(event.model_copy(update={"logged_prompt": "Of interest."}), queue_url)
    assert RequestLog(TABLE).get("req_1")["prompt"] == "Of interest."


def _job_event(error=None, **changes):
    told = {"mode": "async", "error": caught(error or ProviderTimeout("x")), "decision": DECIDED}
    return finished(**(told | changes))


def _listed(jobs_table):
    [item] = jobs_table.scan()["Items"]
    return item


def test_the_end_of_a_job_is_listed_and_no_other_requests(table, jobs_table, queue_url):
    _record(_event(error=caught(ProviderTimeout("x"))), queue_url)
    assert jobs_table.scan()["Items"] == []
    _record(_job_event(request_id="req_2"), queue_url)
    item = _listed(jobs_table)
    row = RequestLog(TABLE).get("req_2")
    assert {name: item[name] for name in ("execution_id", "caller_id", "task")} == {
        "execution_id": "req_2",
        "caller_id": "key-1",
        "task": row["task"],
    }
    assert (item["status"], item["error_code"]) == (row["status"], row["error_code"])
    assert (item["submitted_at"], item["finished_at"]) == (row["created_at"], row["finished_at"])
    assert item["expires_at"] == row["expires_at"]


def test_a_job_that_was_stopped_after_it_was_recorded_is_listed_as_it_ended(
    table, jobs_table, queue_url
):
    _record(_job_event(), queue_url)
    assert _listed(jobs_table)["status"] == "FAILED"
    end = {"stopped": "ABORTED", "stopped_at": "2026-11-24T10:00:05+00:00"}
    _record(_job_event(Aborted("The job was stopped."), **end), queue_url)
    item = _listed(jobs_table)
    assert (item["status"], item["error_code"]) == ("ABORTED", "aborted")
    assert item["finished_at"] == "2026-11-24T10:00:05.000Z"
    assert RequestLog(TABLE).get("req_1")["status"] == "FAILED"


def test_an_end_that_cannot_be_listed_waits_for_replay_which_leaves_one_row(
    table, aws, queue_url, request
):
    event = _job_event()
    _record(event, queue_url)
    [message] = boto3.client("sqs").receive_message(QueueUrl=queue_url)["Messages"]
    replayed = RecordInput.model_validate_json(message["Body"])
    assert replayed == event
    jobs_table = request.getfixturevalue("jobs_table")
    _record(replayed, queue_url)
    assert _listed(jobs_table)["status"] == "FAILED"
    assert table.scan()["Count"] == 1
