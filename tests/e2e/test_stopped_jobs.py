"""A job that is stopped has its row, with what its providers bill."""

import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from functions.shared.catalogue.pricing import cost_nano_usd
from functions.shared.vocabulary import Usage, usd
from tests.conftest import running_stack
from tests.support.api_calls import assert_error, call, eventually, get, post
from tests.support.slow_provider import THROTTLED, USAGE, serving

pytestmark = pytest.mark.xdist_group("stopped jobs")

MODEL = "gpt-4o-mini"
PRICE_NANO_USD = cost_nano_usd(
    MODEL,
    Usage(input_tokens=USAGE["prompt_tokens"], output_tokens=USAGE["completion_tokens"]),
    datetime.now(UTC).date(),
)


@pytest.fixture(scope="module")
def provider():
    with serving() as slow:
        yield slow


@pytest.fixture(scope="module")
def stack(provider):
    with running_stack(OPENAI_API_KEY="test", OPENAI_BASE_URL=provider.url) as running:
        yield running


@pytest.fixture(autouse=True)
def _held(provider):
    provider.hold()


def _job(stack, text):
    """Its id; the text tells its calls from those of others."""
    body = {"task": "chat", "text": text, "model": MODEL, "fallback": False}
    told = post(stack, "/jobs", body, key=stack.other_api_key).json()
    return told["execution_id"]


def _calls(provider, text):
    return [one for one in provider.journal if text in json.dumps(one)]


def _stop(stack, job):
    assert (
        call(stack, "DELETE", f"/jobs/{job}", key=stack.other_api_key).json()["status"] == "ABORTED"
    )


def _record(stack, job):
    """Once it is there."""

    def found():
        response = get(stack, f"/requests/{job}", key=stack.other_api_key)
        return response.json() if response.status_code == 200 else None

    record = eventually(found, 60)
    assert record, f"{job} was not recorded"
    return record


def _spent(stack):
    told = get(stack, "/metrics/costs?window=5m", key=stack.other_api_key).json()["by_caller"]
    [own] = told.values() or [{"requests": 0, "cost_usd": 0}]
    return own["requests"], Decimal(str(own["cost_usd"]))


def _arn(stack, job):
    machine = stack.output("JobsMachineArn")
    return f"{machine.replace(':stateMachine:', ':execution:')}:{job}"


def _tell_again(stack, job, status, **options):
    """The event of the job's end, as EventBridge hands it over."""
    queues = stack.client("sqs").list_queues()["QueueUrls"]
    [queue] = [url for url in queues if "StoppedJobs" in url]
    event = {"detail": {"executionArn": _arn(stack, job), "status": status}}
    stack.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(event), **options)


def _priced(provider, text):
    """What the provider's own journal says that it bills."""
    return len([one for one in provider.answered if text in json.dumps(one)]) * PRICE_NANO_USD


def test_a_job_that_is_stopped_while_its_call_runs_has_a_row_with_what_the_call_was_billed(
    stack, provider
):
    requests, cost_usd = _spent(stack)
    text = f"slow {uuid.uuid4()}"
    job = _job(stack, text)
    assert eventually(lambda: _calls(provider, text))
    _stop(stack, job)
    provider.answer()
    record = _record(stack, job)
    assert (record["status"], record["error"]["code"]) == ("ABORTED", "aborted")
    [attempt] = record["attempts"]
    assert (attempt["model"], attempt["outcome"]) == (MODEL, "success")
    billed = usd(_priced(provider, text))
    assert billed > 0
    assert Decimal(str(record["cost_usd"])) == Decimal(str(attempt["cost_usd"])) == billed
    assert get(stack, f"/jobs/{job}", key=stack.other_api_key).json()["status"] == "ABORTED"
    assert_error(get(stack, f"/requests/{job}"), "not_found")

    _tell_again(stack, job, "ABORTED")
    # A later job's event is handled after it.
    later = _job(stack, text)
    assert eventually(lambda: _spent(stack)[0] >= requests + 2), later
    _tell_again(stack, later, "ABORTED")
    assert _record(stack, later)["status"] == "SUCCEEDED"
    assert _record(stack, job) == record
    assert _spent(stack) == (requests + 2, cost_usd + 2 * billed)


def test_a_job_that_is_stopped_between_its_calls_has_those_that_were(stack, provider):
    text = f"{THROTTLED} {uuid.uuid4()}"
    job = _job(stack, text)
    assert eventually(lambda: _calls(provider, text))
    # The state machine has heard of it and waits.

    def waits():
        states = stack.client("stepfunctions")
        events = states.get_execution_history(executionArn=_arn(stack, job))["events"]
        return any(one["type"] == "WaitStateEntered" for one in events)

    assert eventually(waits)
    _stop(stack, job)
    record = _record(stack, job)
    [attempt] = record["attempts"]
    assert (attempt["outcome"], record["status"]) == ("ProviderThrottled", "ABORTED")
    assert record["cost_usd"] == 0
    assert "possibly_billed_usd" not in record


def test_a_job_that_is_stopped_at_once_has_a_row_that_costs_nothing_known(stack):
    job = f"req_{uuid.uuid4()}"
    key = _caller_id(stack)
    # A call that was to be made just then is waited for until its time is over.
    asked = {"task": "chat", "text": "never", "max_latency_ms": 10_000}
    request = {"request": asked, "request_id": job, "caller_id": key, "caller": {}}
    started = stack.client("stepfunctions").start_execution(
        stateMachineArn=stack.output("JobsMachineArn"),
        name=job,
        input=json.dumps(request | {"mode": "async", "idempotency_key": ""}),
    )
    stack.client("stepfunctions").stop_execution(executionArn=started["executionArn"])
    record = _record(stack, job)
    assert (record["status"], record["cost_usd"]) == ("ABORTED", 0)
    # On a busy machine the call may be made before the stop arrives.
    called = [one for one in record["attempts"] if one["outcome"] == "ProviderTimeout"]
    assert ("possibly_billed_usd" in record) == bool(called)


def _caller_id(stack):
    """As the gateway tells it to a job."""
    job = _job(stack, f"{THROTTLED} {uuid.uuid4()}")
    _stop(stack, job)
    told = stack.client("stepfunctions").describe_execution(executionArn=_arn(stack, job))
    return json.loads(told["input"])["caller_id"]


def _is_kept(stack, job):
    [table] = [
        name for name in stack.client("dynamodb").list_tables()["TableNames"] if "State" in name
    ]
    key = {"state_id": {"S": f"calls#{job}"}}
    return "Item" in stack.client("dynamodb").get_item(TableName=table, Key=key)


def test_a_job_that_ran_out_of_time_says_so_and_is_recorded_once(stack, provider):
    text = f"late {uuid.uuid4()}"
    job = _job(stack, text)
    assert eventually(lambda: _calls(provider, text))
    # The local AWS ends no execution for its time: another end is told before its own is.
    stack.client("stepfunctions").stop_execution(executionArn=_arn(stack, job))
    provider.answer()
    assert eventually(lambda: _is_kept(stack, job))
    _tell_again(stack, job, "TIMED_OUT", DelaySeconds=0)
    record = _record(stack, job)
    assert (record["status"], record["error"]["code"]) == ("TIMED_OUT", "deadline_exceeded")
    assert Decimal(str(record["cost_usd"])) == usd(_priced(provider, text)) > 0
