"""What calls leave behind in the budgets, and who hears of it."""

import json
from datetime import UTC, datetime

import pytest

from functions.shared.caller import Limits
from functions.shared.callers.records import CALLER, CallerRecord, OwnLimits, item_of
from functions.shared.money.budget import Hold, budget_id, minute_of
from functions.shared.money.budget_table import BudgetTable
from tests.support.api_calls import eventually

pytestmark = pytest.mark.xdist_group("local")

CALLER_ID, NAME = "sweptcalls", "swept-caller"
LIMITS = OwnLimits(month_nano_usd=1_000)


@pytest.fixture
def heard(stack):
    """What a queue hears from the topic that alarms tell."""
    queues, topics = stack.client("sqs"), stack.client("sns")
    queue = queues.create_queue(QueueName="budget-alerts")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    (topic,) = topics.list_topics()["Topics"]
    subscribed = topics.subscribe(
        TopicArn=topic["TopicArn"], Protocol="sqs", Endpoint=arn["QueueArn"]
    )

    heard = []

    def receive():
        found = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        messages = [json.loads(one["Body"]) for one in found.get("Messages", [])]
        heard.extend(one for one in messages if NAME in one["Subject"])
        return heard

    yield receive
    topics.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])
    queues.delete_queue(QueueUrl=queue)


def test_what_nobody_settled_is_charged_and_its_owner_told(stack, heard):
    record = CallerRecord(caller_id=CALLER_ID, name=NAME, created_at_s=1, limits=LIMITS)
    callers = stack.table("CallersTableName")
    callers.put_item(Item=item_of(CALLER, CALLER_ID, record))
    budgets = BudgetTable(stack.table("BudgetsTableName"))
    now, id_ = datetime.now(UTC), budget_id(CALLER_ID)
    left = Hold(
        "req_swept", 1, 850, 0, f"{now:%Y-%m-%d}", minute_of(now), int(now.timestamp()) - 1, "w"
    )
    assert budgets.reserve(id_, Limits(), left) is None

    # The clock may have been faster, and finds nothing to do a second time.
    stack.client("lambda").invoke(FunctionName=stack.function_name("Sweep"), Payload=b"{}")
    assert eventually(lambda: id_ not in budgets.open_ids())
    budget = budgets.read(id_)
    assert budget.holds() == []
    assert budget.committed("settled") == budget.committed(f"month#{now:%Y-%m}") == 850
    messages = eventually(lambda: told if len(told := heard()) == 2 else None)
    assert {message["Subject"] for message in messages} == {
        f"[local] {NAME}: {level} % of the month's budget is used" for level in (50, 80)
    }
    assert all(CALLER_ID not in message["Message"] for message in messages)
