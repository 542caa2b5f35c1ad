"""What /metrics says of a stack's requests, against the answers and the log of the same requests."""

import json
import statistics
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from functions.shared.catalogue.models import load_catalogue
from functions.shared.errors import HTTP_STATUS
from tests.conftest import running_stack
from tests.support.api_calls import assert_error, eventually, get, post

pytestmark = pytest.mark.xdist_group("local")

TEXT = "Step Functions runs each request as a state machine. Every state is a Lambda function."
TASKS = ("summarize", "sentiment", "rewrite", "chat", "code", "analysis")
PREFERENCES = ("fast", "cheap", "best", "balanced")
FAULTS = {
    "gpt-4o": "ProviderAuthFailed",
    "gpt-4o-mini": "ProviderThrottled",
    "claude-haiku-4-5": "ProviderTimeout",
}

NO_FAULTS = ("success", "AnswerUnsure")
"""Outcomes of attempts here that are no provider's fault: a local model hands on what it is unsure of."""


def _metrics(stack, path, caller=None, **query):
    """The body with exact numbers."""
    answer = get(stack, f"/metrics/{path}", key=caller or stack.operator_api_key, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json(parse_float=Decimal)


def _rows(stack, caller=None, **query):
    rows, cursor = [], {}
    while True:
        page = _metrics(stack, "logs", caller, limit=17, **query, **cursor)
        rows += page["data"]
        if page["next_cursor"] is None:
            return rows
        cursor = {"cursor": page["next_cursor"]}


def _bodies():
    """Sixty requests: (path, is the other key's, body)."""
    body: dict[str, Any]
    for number in range(40):
        body = {
            "task": TASKS[number % len(TASKS)],
            "text": f"{TEXT * (1 + number % 5)} {number}",
            "model_preference": PREFERENCES[number % len(PREFERENCES)],
        }
        yield "/jobs" if number % 4 == 3 else "/generate", number % 3 == 2, body
    for number in range(12):
        model = list(FAULTS)[number % len(FAULTS)]
        body = {"task": "chat", "text": TEXT, "model": model, "fallback": number % 4 > 1}
        # A job would wait for minutes for a model that is throttled.
        body |= {"max_latency_ms": 20_000}
        yield "/jobs" if number % 5 == 4 else "/generate", number % 2 == 1, body
    for number in range(4):
        yield "/generate", number % 2 == 1, {"task": "no-such-task", "text": TEXT}
    for number in range(4):
        body = {"task": "chat", "text": TEXT, "max_cost_usd": 1e-9}
        yield "/generate", number % 2 == 1, body


@pytest.fixture(scope="module")
def used():
    """A stack of its own with nothing but these requests in it, and their answers."""
    with running_stack(MOCK_PROVIDERS="auto") as stack:

        def send(one):
            path, is_other, body = one
            key = stack.other_api_key if is_other else stack.api_key
            return post(stack, path, body, key=key)

        with stack.faults(FAULTS), ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(send, _bodies()))
            table = stack.requests_table()
            assert eventually(lambda: table.scan(Select="COUNT")["Count"] == len(answers), 60)
            summary = "/metrics/summary?window=1h"
            assert eventually(
                lambda: get(stack, summary).json()["requests"]["total"] == len(answers)
            )
        yield stack, answers


@pytest.fixture(scope="module")
def stack(used):
    return used[0]


@pytest.fixture(scope="module")
def answers(used):
    return used[1]


@pytest.fixture(scope="module")
def rows(used):
    return _rows(used[0])


def _id(answer):
    body = answer.json()
    return body.get("request_id") or body["execution_id"]


def _cost(rows):
    return sum((Decimal(str(row["cost_usd"])) for row in rows), Decimal(0))


def _micro(amount):
    return round(Decimal(str(amount)), 6)


def _assert_same(told, amounts):
    """To the micro-dollar, with the same names."""
    assert told.keys() == amounts.keys()
    for name, amount in amounts.items():
        assert abs(Decimal(str(told[name])) - amount) < Decimal("0.000001"), name


def test_the_log_has_every_request_once_and_newest_first(answers, rows):
    assert Counter(_id(answer) for answer in answers) == Counter(one["request_id"] for one in rows)
    times = [row["created_at"] for row in rows]
    assert times == sorted(times, reverse=True)
    failed = [_id(one) for one in answers if one.status_code >= 400]
    logged = {row["request_id"]: row for row in rows}
    assert {logged[request_id]["status"] for request_id in failed} == {"FAILED"}
    statuses = {HTTP_STATUS[logged[request_id]["error_code"]] for request_id in failed}
    assert statuses == {400, 422, 502}


def test_the_last_five_minutes_hold_all_of_it(stack, rows):
    told = _metrics(stack, "realtime")
    assert len(told["data"]) == 30
    assert told["requests"] == sum(one["requests"] for one in told["data"]) == len(rows)
    assert told["failed"] == sum(row["status"] == "FAILED" for row in rows)
    assert told["fallbacks"] == sum(row["fallbacks"] for row in rows)
    _assert_same({"cost": told["cost_usd"]}, {"cost": _cost(rows)})
    for caller in (stack.api_key, stack.other_api_key):
        assert _metrics(stack, "realtime", caller)["requests"] == len(_rows(stack, caller))


def test_the_summary_counts_what_the_log_lists(stack, rows):
    told = _metrics(stack, "summary")
    statuses = [HTTP_STATUS[row["error_code"]] for row in rows if row["status"] == "FAILED"]
    rejected = sum(status < 500 for status in statuses)
    assert 0 < rejected < len(statuses)
    assert told["requests"] == {
        "total": len(rows),
        "successful": len(rows) - len(statuses),
        "failed": len(statuses),
        "rejected": rejected,
        "errors": len(statuses) - rejected,
    }
    assert told["fallbacks"] == sum(row["fallbacks"] for row in rows) > 0
    total, savings = told["costs"]["total_usd"], told["costs"]["savings_usd"]
    assert _micro(total) == _micro(_cost(rows)) == 0
    simulated = sum(Decimal(str(row["simulated_cost_usd"] or 0)) for row in rows)
    assert _micro(told["costs"]["simulated_cost_usd"]) == _micro(simulated) > 0
    assert _micro(savings) == _micro(sum(Decimal(str(row["savings_usd"] or 0)) for row in rows))
    assert told["cache"] == {"hits": 0, "hit_rate": 0}


def test_percentiles_are_those_of_the_requests_that_had_a_model(stack, rows):
    times = [row["latency_ms"] for row in rows if row["model"]]
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    told = _metrics(stack, "summary")["latency_ms"]
    for name, percentile in (("p50", 50), ("p95", 95), ("p99", 99)):
        assert float(told[name]) == pytest.approx(cuts[percentile - 1], rel=0.01), name


def test_every_row_tells_where_its_time_went_and_the_summary_what_of_it_was_ours(stack, records):
    for record in records:
        waited, ours = record.get("waited_ms", 0), record["overhead_ms"]
        assert record["provider_ms"] + waited + ours == record["latency_ms"]
        assert float(sum(record["steps_ms"].values())) == pytest.approx(float(ours))
    told, asked = _metrics(stack, "summary"), [one for one in records if one["attempts"]]
    ours = [one["overhead_ms"] for one in asked]
    assert float(told["overhead_ms"]["p50"]) == pytest.approx(statistics.median(ours), rel=0.01)
    for step, percentiles in told["steps_ms"].items():
        if of := [float(one["steps_ms"][step]) for one in asked if step in one["steps_ms"]]:
            median = pytest.approx(statistics.median(of), rel=0.01, abs=0.01)
            assert float(percentiles["p50"]) == median, step
        else:
            assert set(percentiles.values()) == {None}, step


@pytest.mark.parametrize("window", ["5m", "1h", "1d", "30d"])
def test_every_window_that_holds_the_requests_says_the_same_of_them(stack, rows, window):
    told = _metrics(stack, "summary", window=window)
    assert told["requests"]["total"] == len(rows)
    assert _micro(told["costs"]["total_usd"]) == _micro(_cost(rows))
    spent = _metrics(stack, "costs", window=window)["by_caller"]
    assert sum(one["requests"] for one in spent.values()) == len(rows)


def test_costs_are_the_sums_of_the_log_in_every_view(stack, rows):
    told = _metrics(stack, "costs")
    _assert_same({"total": told["total_usd"]}, {"total": _cost(rows)})
    by_task, by_caller = defaultdict(list), defaultdict(list)
    for row in rows:
        by_caller[row["caller"]].append(row)
        if row["task"]:
            by_task[row["task"]].append(row)
    _assert_same(told["by_task"], {task: _cost(of) for task, of in by_task.items()})
    spent = {key: one["cost_usd"] for key, one in told["by_caller"].items()}
    _assert_same(spent, {key: _cost(of) for key, of in by_caller.items()})
    assert {key: one["requests"] for key, one in told["by_caller"].items()} == {
        key: len(of) for key, of in by_caller.items()
    }
    assert told["budgets"] == []


@pytest.fixture(scope="module")
def records(stack, rows):
    """The audit record of every request."""
    keys = (stack.api_key, stack.other_api_key)

    def audited(row):
        found = [get(stack, f"/requests/{row['request_id']}", key=key) for key in keys]
        (record,) = [one.json(parse_float=Decimal) for one in found if one.ok]
        return record

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(audited, rows))


@pytest.fixture(scope="module")
def attempts(records):
    """Of every request."""
    return [attempt for record in records for attempt in record["attempts"]]


def _of(attempts, name):
    found = defaultdict(list)
    for attempt in attempts:
        found[attempt[name]].append(attempt)
    return found


def _sum(attempts):
    return sum((Decimal(str(one["cost_usd"])) for one in attempts), Decimal(0))


def test_models_and_providers_cost_what_their_attempts_cost(stack, attempts):
    told = _metrics(stack, "costs")
    for path in ("model", "provider"):
        of = _of(attempts, path)
        _assert_same(told[f"by_{path}"], {name: _sum(those) for name, those in of.items()})
    by_model = _metrics(stack, "summary")["costs"]["by_model"]
    assert by_model == told["by_model"]
    assert len(by_model) > 4


def test_each_model_adds_up_its_attempts(stack, attempts):
    for model, those in _of(attempts, "model").items():
        told = _metrics(stack, f"models/{model}")
        errors = sum(one["outcome"] not in NO_FAULTS for one in those)
        assert (told["model"], told["provider"]) == (model, those[0]["provider"])
        assert (told["attempts"], told["errors"]) == (len(those), errors)
        assert float(told["success_rate"]) == pytest.approx(1 - errors / len(those), abs=0.0001)
        _assert_same({"cost": told["cost_usd"]}, {"cost": _sum(those)})
        times = [one["elapsed_ms"] for one in those if one["outcome"] == "success"]
        if times:
            median = pytest.approx(statistics.median(times), rel=0.01, abs=0.01)
            assert float(told["latency_ms"]["p50"]) == median
        else:
            assert told["latency_ms"] == {"p50": None, "p95": None, "p99": None}
        assert told["health"]["circuit"] == "closed"


def test_a_model_that_nobody_asked_is_listed_without_attempts(stack, attempts):
    asked = {one["model"] for one in attempts}
    idle = next(model for model in load_catalogue().models if model.id not in asked)
    told = _metrics(stack, f"models/{idle.id}")
    assert (told["attempts"], told["success_rate"]) == (0, None)
    assert_error(get(stack, "/metrics/models/gpt-99"), "not_found")


def test_each_provider_adds_up_its_attempts(stack, attempts):
    told = {one["provider"]: one for one in _metrics(stack, "providers")["data"]}
    of = _of(attempts, "provider")
    assert of.keys() <= told.keys()
    for provider, one in told.items():
        those = of.get(provider, [])
        outcomes = Counter(attempt["outcome"] for attempt in those)
        assert one["attempts"] == len(those)
        assert one["errors"] == len(those) - sum(outcomes[name] for name in NO_FAULTS)
        assert one["throttles"] == outcomes["ProviderThrottled"]
        assert one["mock"] is (provider != "local")
    assert sum(one["throttles"] for one in told.values()) > 0


def test_each_key_sees_its_own_requests_alone(stack, rows):
    for caller in (stack.api_key, stack.other_api_key):
        own = _rows(stack, caller)
        ((caller_id, name),) = {(row["caller_id"], row["caller"]) for row in own}
        assert own == [row for row in rows if row["caller_id"] == caller_id]
        spent = _metrics(stack, "costs", caller)["by_caller"]
        assert spent.keys() == {name} != {caller_id}
        assert spent[name]["requests"] == len(own)
        assert _rows(stack, caller_id=caller_id) == own
        by_name = {"caller": name, "limit": 1000}
        found = get(stack, "/metrics/logs", key=stack.operator_api_key, params=by_name)
        assert found.json(parse_float=Decimal)["data"] == own
    assert_error(get(stack, "/metrics/logs", params={"caller_id": caller_id}), "forbidden")


@pytest.mark.parametrize(
    "query", [{"status": "FAILED"}, {"task": "chat", "status": "FAILED"}, {"provider": "openai"}]
)
def test_a_filtered_log_has_every_row_that_it_should(stack, rows, query):
    expected = [row for row in rows if all(row[name] == query[name] for name in query)]
    assert 0 < len(expected) < len(rows)
    assert _rows(stack, **query) == expected


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("logs", {"limit": "0"}),
        ("logs", {"limit": "1001"}),
        ("logs", {"limit": "abc"}),
        ("logs", {"cursor": "A"}),
        ("logs", {"caller_id": ""}),
        ("logs", {"from": "9999-12-31T23:59:59-12:00"}),
        ("summary", {"window": "4m"}),
        ("providers", {"window": ""}),
        ("costs", {"by": "model"}),
        ("models/gpt-4o", {"window": "31d"}),
        ("realtime", {"window": "1h"}),
    ],
    ids=str,
)
def test_a_bad_parameter_is_named(stack, path, query):
    for caller in (stack.api_key, stack.operator_api_key):
        error = assert_error(
            get(stack, f"/metrics/{path}", key=caller, params=query), "invalid_request"
        )
        assert [one["field"] for one in error["details"]] == list(query)


def test_a_cursor_of_another_key_or_of_nobody_shows_only_own_rows(stack, rows):
    theirs = _metrics(stack, "logs", stack.other_api_key, limit=2)["next_cursor"]
    own = {row["request_id"] for row in _rows(stack, stack.api_key)}
    page = _metrics(stack, "logs", stack.api_key, limit=100, cursor=theirs)
    assert page["data"]
    assert {row["request_id"] for row in page["data"]} <= own
    everybodys = _metrics(stack, "logs", limit=2)["next_cursor"]
    page = _metrics(stack, "logs", stack.api_key, limit=100, cursor=everybodys)
    assert {row["request_id"] for row in page["data"]} <= own
    before = {"cursor": theirs, "to": rows[-1]["created_at"]}
    assert len(_metrics(stack, "logs", **before)["data"]) >= 1
    nothing = {"from": rows[0]["created_at"], "to": rows[-1]["created_at"]}
    page = _metrics(stack, "logs", **nothing)
    assert (page["data"], page["next_cursor"]) == ([], None)


def test_a_row_and_its_audit_record_name_the_trace_of_the_answer(stack, answers, rows):
    logged = {row["request_id"]: row for row in rows}
    traced = {_id(one): one.headers["X-Amzn-Trace-Id"].removeprefix("Root=") for one in answers}
    assert len(set(traced.values())) == len(answers)
    assert {row: logged[row]["trace_id"] for row in traced} == traced
    for answer in answers[:8]:
        keys = (stack.api_key, stack.other_api_key)
        path = f"/requests/{_id(answer)}"
        found = [one for key in keys if (one := get(stack, path, key=key)).ok]
        assert [one.json()["trace_id"] for one in found] == [traced[_id(answer)]]


COPY = "copy-of-all-providers-failed"
_NOT_COPIED = ("AlarmName", "AlarmArn", "AlarmConfigurationUpdatedTimestamp")


def _definition(alarm):
    """What an alarm was put with: neither its name nor its state."""
    return {
        name: value
        for name, value in alarm.items()
        if name not in _NOT_COPIED and not name.startswith("State")
    }


@pytest.fixture
def deployed(stack):
    """The alarm of failing providers."""
    (alarm,) = (
        one
        for one in stack.client("cloudwatch").describe_alarms()["MetricAlarms"]
        if one["AlarmName"].endswith("-all-providers-failed")
    )
    return _definition(alarm)


@pytest.fixture
def inbox(stack, deployed):
    """What a queue hears of the copy, from the topic that the deployed alarm tells."""
    queues = stack.client("sqs")
    url = queues.create_queue(QueueName="alarms-of-the-tests")["QueueUrl"]
    asked = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    (topic,) = deployed["AlarmActions"]
    assert deployed["OKActions"] == [topic]
    arn = asked["Attributes"]["QueueArn"]
    stack.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    heard = []

    def received():
        answer = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            told = json.loads(json.loads(message["Body"])["Message"])
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            if told["AlarmName"] == COPY:
                heard.append(told["NewStateValue"])
        return heard

    return received


@pytest.fixture
def state(stack, deployed, inbox):
    """The state of the copy, which has a period of ten seconds and is otherwise as deployed."""
    alarms = stack.client("cloudwatch")
    assert deployed["Period"] == 300
    alarms.put_metric_alarm(AlarmName=COPY, **deployed | {"Period": 10})

    def described():
        (copy,) = alarms.describe_alarms(AlarmNames=[COPY])["MetricAlarms"]
        return copy

    assert _definition(described()) | {"Period": 300} == deployed
    yield lambda: described()["StateValue"]
    alarms.delete_alarms(AlarmNames=[COPY])


def test_failing_providers_ring_an_alarm_that_ends_with_them_and_its_topic_tells(
    stack, deployed, state, inbox
):
    # The failures of the other tests may still ring it.
    assert eventually(lambda: state() == "OK", 60), state()
    body = {"task": "chat", "text": TEXT, "model": "gpt-4o", "fallback": False}
    with stack.faults({"gpt-4o": "ProviderUnavailable"}), ThreadPoolExecutor(4) as pool:
        calls = range(int(deployed["Threshold"]))
        # In one period of the alarm, whenever that begins.
        for _ in range(3):
            failed = list(pool.map(lambda _: post(stack, "/generate", body), calls))
            assert {one.status_code for one in failed} == {502}
            if rings := eventually(lambda: state() == "ALARM", 8):
                break
    assert rings, state()
    assert eventually(lambda: state() == "OK", 60), state()
    assert eventually(lambda: inbox()[-3:] == ["OK", "ALARM", "OK"]), inbox()
