import json
from decimal import Decimal

import boto3
import pytest

from functions.record_metrics.recording import Stores, record
from functions.shared.contracts import RecordInput
from functions.shared.errors import ProviderThrottled, ProviderTimeout
from functions.shared.observability import metrics
from functions.shared.settings import RecordSettings
from functions.shared.stores import DeadLetters, RequestLog, State

TABLE = "Requests"
STARTED = "2026-11-24T10:00:00.000Z"


class LambdaStub:
    function_name = "record"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:record"
    aws_request_id = "1"


@pytest.fixture(autouse=True)
def _no_metrics_left():
    yield
    metrics.clear_metrics()


@pytest.fixture
def table(requests_table, state_table):
    return requests_table


@pytest.fixture
def queue_url(aws):
    return boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]


def _caught(error):
    return {
        "name": type(error).__name__,
        "cause": json.dumps({"errorMessage": str(error), "stackTrace": []}),
    }


def _failure(error, model="gpt-4o"):
    return _caught(error) | {"model": model, "provider": "openai", "worst_case_cost_usd": 0.25}


def _event(*failures, error):
    return RecordInput.model_validate(
        {
            "request_id": "req_1",
            "api_key_id": "key-1",
            "mode": "sync",
            "started_at": STARTED,
            "failures": list(failures),
            "error": error,
        }
    )


def _record(event, queue_url):
    settings = RecordSettings(
        REQUESTS_TABLE=TABLE,
        STATE_TABLE="State",
        DEAD_LETTER_QUEUE_URL=queue_url,
        LOG_RETENTION_DAYS=30,
    )
    return record(
        event, settings, Stores(RequestLog(TABLE), State("State"), DeadLetters(queue_url))
    )


def test_a_repeated_record_leaves_one_row_and_counts_once(table, queue_url, capsys):
    error = ProviderThrottled("slow down", retry_after_seconds=3)
    event = _event(_failure(error), error=_caught(error))
    first, second = _record(event, queue_url), _record(event, queue_url)
    assert first == second
    assert table.scan()["Count"] == 1
    assert metrics.metric_set["Requests"]["Value"] == [1.0]


def test_all_candidates_failing_shows_every_attempt(table, queue_url):
    slow = ProviderTimeout("no answer", elapsed_ms=900)
    busy = ProviderThrottled("slow down", retry_after_seconds=3)
    output = _record(
        _event(_failure(slow), _failure(busy, "claude-haiku-4-5"), error=_caught(busy)), queue_url
    )
    assert output.code == "all_providers_failed"
    shown = output.body["error"]
    assert [(one["model"], one["error"]) for one in shown["details"]] == [
        ("gpt-4o", "ProviderTimeout"),
        ("claude-haiku-4-5", "ProviderThrottled"),
    ]
    assert shown["retry_after_seconds"] == 3


def test_a_timeout_is_logged_as_possibly_billed_and_a_throttle_is_not(table, queue_url):
    slow, busy = ProviderTimeout("no answer"), ProviderThrottled("slow down")
    _record(_event(_failure(slow), _failure(busy), error=_caught(busy)), queue_url)
    attempts = table.get_item(Key={"request_id": "req_1"})["Item"]["attempts"]
    assert [(one["possibly_billed"], one["cost_usd"]) for one in attempts] == [
        (True, Decimal("0.25")),
        (False, Decimal(0)),
    ]


def test_a_row_that_cannot_be_written_waits_in_the_dead_letter_queue(aws, queue_url):
    event = _event(error=_caught(ProviderTimeout("x")))
    output = _record(event, queue_url)
    assert output.code == "all_providers_failed"
    [message] = boto3.client("sqs").receive_message(QueueUrl=queue_url)["Messages"]
    assert RecordInput.model_validate_json(message["Body"]) == event


def test_too_small_context_windows_everywhere_are_the_callers_error(table, queue_url):
    error = {"name": "ContextWindowExceeded", "cause": ""}
    output = _record(_event(_failure(ProviderTimeout("x")), error=error), queue_url)
    assert (output.code, output.body["error"]["details"][0]["field"]) == ("invalid_request", "body")


def test_a_passed_deadline_is_its_own_code_with_the_attempts(table, queue_url):
    error = {"name": "DeadlineExceeded", "cause": ""}
    output = _record(_event(_failure(ProviderTimeout("x")), error=error), queue_url)
    assert output.code == "deadline_exceeded"
    assert output.body["error"]["details"][0]["error"] == "ProviderTimeout"


def test_ids_are_never_metric_dimensions(table, queue_url):
    _record(_event(error=_caught(ProviderTimeout("x"))), queue_url)
    assert metrics.dimension_set.keys() <= {"model", "provider", "task", "outcome", "service"}


def test_the_handler_prints_one_emf_line_with_the_contracts_metrics(
    table, queue_url, monkeypatch, capsys
):
    from functions.record_metrics.handler import lambda_handler
    from functions.shared import settings

    monkeypatch.setenv("REQUESTS_TABLE", TABLE)
    monkeypatch.setenv("STATE_TABLE", "State")
    monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", queue_url)
    monkeypatch.setenv("LOG_RETENTION_DAYS", "30")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "LlmOrchestrator")
    settings.read.cache_clear()
    monkeypatch.setattr(metrics.provider, "namespace", "LlmOrchestrator")
    event = _event(error=_caught(ProviderTimeout("x"))).model_dump(mode="json")
    lambda_handler(event, LambdaStub())
    settings.read.cache_clear()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    [line] = lines
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert {one["Name"] for one in directive["Metrics"]} == {
        "Requests", "Errors", "Fallbacks", "LatencyMs",
    }  # fmt: skip
    assert set(directive["Dimensions"][0]) <= {"model", "provider", "task", "outcome", "service"}
    assert line["LatencyMs"][0] >= 0
    assert line["request_id"] == "req_1"
