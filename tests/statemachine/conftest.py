"""What the states' functions need, run in this process."""

import boto3
import pytest

from functions.invoke_provider.providers.registry import load_provider


@pytest.fixture
def tables(requests_table, state_table, budgets_table, answers_table, jobs_table):
    """Those that the states' functions read and write."""


@pytest.fixture
def functions(environment, tables, monkeypatch):
    queue = boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]
    environment(
        PROVIDER="simulator", STATE_TABLE="State", BUDGETS_TABLE="Budgets",
        REQUESTS_TABLE="Requests", ANSWERS_TABLE="Answers", DEAD_LETTER_QUEUE_URL=queue, LOG_RETENTION_DAYS="30",
        SYNC_DEADLINE_MS="26000", ASYNC_DEADLINE_MS="240000", MOCK_PROVIDERS="always",
        POWERTOOLS_SERVICE_NAME="test",
    )  # fmt: skip
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    load_provider.cache_clear()
    yield
    load_provider.cache_clear()
