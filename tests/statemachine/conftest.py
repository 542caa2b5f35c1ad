"""What the states' functions need, run in this process."""

from collections import Counter

import boto3
import pytest

from functions.invoke_provider.providers.registry import load_provider
from functions.invoke_provider.providers.simulator import Simulator


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


@pytest.fixture
def calls(monkeypatch):
    """Of the provider, by text."""
    made, complete = Counter(), Simulator.complete

    def counted(self, prompt, *told):
        made[prompt.request.prompt] += 1
        return complete(self, prompt, *told)

    monkeypatch.setattr(Simulator, "complete", counted)
    return made
