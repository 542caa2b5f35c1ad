"""Budgets that calls have left open, and a topic that a queue listens to."""

import json
import threading
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from functions.shared.caller import Limits
from functions.shared.callers.records import CALLER, CallerRecord, item_of
from functions.shared.callers.table import CallerTable
from functions.shared.contracts.states import Attempt
from functions.shared.money.budget import Hold, budget_id, minute_of
from functions.shared.money.budget_table import BudgetTable
from functions.shared.money.job_calls import call_change
from functions.shared.storage.state_table import StateTable
from functions.sweep.alerts import Alerts, Topic
from functions.sweep.owners import Owners
from functions.sweep.sweeping import Stores, sweep

ANNA, PLAN = "annaannaan", Limits(month_nano_usd=1_000)
ID = budget_id(ANNA)
STAGE = Limits(month_nano_usd=50_000)


class Bench:
    """The sweeper's tables and topic, and what is done to them."""

    def __init__(self, budgets_table, callers_table):
        self.table = budgets_table
        # DynamoDB does one write to an item after the other; moto lets threads in between.
        update, lock = budgets_table.update_item, threading.Lock()

        def locked(**arguments):
            with lock:
                return update(**arguments)

        budgets_table.update_item = locked
        self.budgets = BudgetTable(budgets_table)
        self._callers = callers_table
        topics, queues = boto3.client("sns"), boto3.client("sqs")
        self.topic_arn = topics.create_topic(Name="alarms")["TopicArn"]
        self._queue = queues.create_queue(QueueName="listener")["QueueUrl"]
        arn = queues.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        topics.subscribe(
            TopicArn=self.topic_arn, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"]
        )
        self.sns = topics
        self.enter(CallerRecord(caller_id=ANNA, name="anna", created_at_s=1))

    def enter(self, record):
        self._callers.put_item(Item=item_of(CALLER, record.caller_id, record))

    @property
    def stores(self):
        owners = Owners(CallerTable(self._callers), {"standard": PLAN}, STAGE)
        alerts = Alerts(self.budgets, Topic(self.sns, self.topic_arn, "test"))
        return Stores(self.budgets, StateTable("State"), owners, alerts)

    def hold(self, request_id="req_1", attempt=1, nano_usd=100, *, age_s=60, id_=ID):
        """Opens one that has expired `age_s` ago."""
        now = datetime.now(UTC)
        expires_at_s = int((now - timedelta(seconds=age_s)).timestamp())
        day = f"{now:%Y-%m-%d}"
        one = Hold(request_id, attempt, nano_usd, 0, day, minute_of(now), expires_at_s, "w")
        assert self.budgets.reserve(id_, Limits(), one) is None
        return one

    def keep(self, request_id="req_1", attempt=1, **call):
        told = {"model": "gpt-4o-mini", "provider": "openai", "outcome": "success", **call}
        kept = Attempt.model_validate(told)
        StateTable("State").add(call_change(request_id, attempt, kept, datetime.now(UTC)))

    def spend(self, nano_usd, id_=ID):
        """By a call that is over and settled."""
        one = self.hold(f"req_{nano_usd}", nano_usd=nano_usd, id_=id_)
        assert self.budgets.settle(id_, one, nano_usd, 0)

    def sweep(self):
        sweep(self.stores)

    def budget(self, id_=ID):
        return self.budgets.read(id_)

    def told(self):
        """Subject and text of what the topic told since."""
        found = boto3.client("sqs").receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10, VisibilityTimeout=3600
        )
        messages = [json.loads(one["Body"]) for one in found.get("Messages", [])]
        return [(one["Subject"], one["Message"]) for one in messages]


@pytest.fixture
def bench(budgets_table, callers_table, state_table):
    return Bench(budgets_table, callers_table)
