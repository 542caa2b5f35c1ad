import inspect
import json
import os
import time

import pytest
from ministack.services import apigateway_v1, cloudwatch, dynamodb, lambda_svc, stepfunctions

from local.emulator import quotas

JOBS, SYNC = (f"arn:aws:states:us-east-1:000000000000:stateMachine:{name}" for name in ("j", "s"))
DONE = (200, {}, b"{}")
TABLE = {
    "KeySchema": [{"AttributeName": "request_id", "KeyType": "HASH"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_day",
            "KeySchema": [
                {"AttributeName": "day", "KeyType": "HASH"},
                {"AttributeName": "created_at", "KeyType": "RANGE"},
            ],
        }
    ],
}


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Tells the quotas."""
    path, written = tmp_path / "quotas.json", iter(range(1, 9))
    monkeypatch.setattr(lambda_svc, "_ACCOUNT_CONCURRENCY_CAP", 0)

    def tell(**told):
        path.write_text(json.dumps(told), "utf-8")
        at_ns = next(written) * 10**9
        os.utime(path, ns=(at_ns, at_ns))
        return path

    return tell


@pytest.fixture
def installed(file, clock, monkeypatch):
    """The emulator with quotas: what reached ministack, and what was measured."""
    reached, measured = [], []

    def reaches(name):
        def reach(*arguments):
            reached.append(name)
            return DONE

        return reach

    for module, name, kept in (
        (apigateway_v1, "_check_throttle", "_check_throttle"),
        (stepfunctions, "_describe_execution", "_describe"),
        (dynamodb, "_put_item", "_put_item"),
        (dynamodb, "_update_item", "_update_item"),
    ):
        monkeypatch.setattr(module, name, None)
        monkeypatch.setattr(quotas, kept, reaches(name))
    for name in ("_start_execution", "_add_event"):
        monkeypatch.setattr(stepfunctions, name, reaches(name))
    machines = {JOBS: {"type": "STANDARD"}, SYNC: {"type": "EXPRESS"}}
    monkeypatch.setattr(stepfunctions, "_state_machines", machines)
    monkeypatch.setattr(dynamodb, "_tables", {"Requests": TABLE})
    monkeypatch.setattr(
        cloudwatch,
        "record_metric",
        lambda space, name, value, unit, of: measured.append((space, name, of)),
    )
    made = quotas.Quotas
    monkeypatch.setattr(quotas, "Quotas", lambda path: made(path, lambda: clock[0]))
    monkeypatch.setenv(quotas.VARIABLE, str(file()))
    quotas.install()
    return reached, measured


def item(number, day="2026-11-27"):
    text = {"request_id": f"req_{number}", "day": day, "created_at": f"{day}T10"}
    return {"TableName": "Requests", "Item": {name: {"S": value} for name, value in text.items()}}


def error(answer):
    return answer[0], json.loads(answer[2])["__type"]


def test_a_bucket_is_emptied_and_filled_again(file, clock):
    made = quotas.Quotas(file(starts=[3, 2]), lambda: clock[0])
    assert [made.take("starts") for _ in range(3)] == [True, True, False]
    clock[0] += 0.4
    assert [made.take("starts") for _ in range(2)] == [True, False]
    clock[0] += 60
    assert [made.take("starts") for _ in range(3)] == [True, True, False]


def test_what_has_no_quota_is_never_refused(file):
    made = quotas.Quotas(file(starts=[1, 1]))
    assert all(made.take("look_ups") for _ in range(9))


def test_a_quota_that_is_raised_holds_at_once(file, clock):
    made = quotas.Quotas(file(starts=[0, 1]), lambda: clock[0])
    assert [made.take("starts") for _ in range(2)] == [True, False]
    file(starts=[0, 2])
    assert [made.take("starts") for _ in range(3)] == [True, True, False]


def test_where_one_bucket_is_empty_no_other_one_is_touched(file, clock):
    made = quotas.Quotas(file(partition_writes=[0, 1]), lambda: clock[0])
    assert made.lacking("partition_writes", [("a",)]) == []
    assert made.lacking("partition_writes", [("a",), ("b",)]) == [("a",)]
    assert made.lacking("partition_writes", [("b",)]) == []


def test_functions_at_once_are_lambdas_own(file, clock):
    made = quotas.Quotas(file(concurrency=3), lambda: clock[0])
    made.take("starts")
    assert lambda_svc._ACCOUNT_CONCURRENCY_CAP == 3
    file()
    made.take("starts")
    assert lambda_svc._ACCOUNT_CONCURRENCY_CAP == 0


def test_the_gateway_turns_away_what_is_too_much(installed, file):
    file(gateway=[0, 1])
    assert apigateway_v1._check_throttle() == DONE
    refused = apigateway_v1._check_throttle()
    assert refused.response_type == "THROTTLED"
    assert installed[0] == ["_check_throttle"]


def test_only_starts_of_standard_executions_are_counted(installed, file):
    reached, measured = installed
    file(starts=[0, 1])
    for machine in (SYNC, JOBS, SYNC):
        assert stepfunctions._start_execution({"stateMachineArn": machine}) == DONE
    refused = stepfunctions._start_execution({"stateMachineArn": JOBS})
    assert error(refused) == (400, "ThrottlingException")
    assert measured == [("AWS/States", "ThrottledEvents", {"APIName": "StartExecution"})]
    assert len(reached) == 3


def test_look_ups_are_refused_by_their_own_quota(installed, file):
    file(look_ups=[0, 1], starts=[0, 0])
    assert stepfunctions._describe_execution({}) == DONE
    assert error(stepfunctions._describe_execution({})) == (400, "ThrottlingException")
    assert installed[1] == [("AWS/States", "ThrottledEvents", {"APIName": "DescribeExecution"})]


def test_a_step_of_a_job_waits_for_its_token(installed, file, clock, monkeypatch):
    reached, measured = installed
    file(transitions=[1, 1])
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        clock[0] += 0.5

    monkeypatch.setattr(time, "sleep", sleep)
    for machine in (JOBS, SYNC, JOBS):
        stepfunctions._add_event({"stateMachineArn": machine}, "TaskStateEntered")
    assert (len(pauses), reached) == (2, ["_add_event"] * 3)
    assert measured == [("AWS/States", "ThrottledEvents", {"ServiceMetric": "StateTransition"})]


def test_events_that_are_no_steps_take_no_token(installed, file):
    file(transitions=[0, 0])
    stepfunctions._add_event({"stateMachineArn": JOBS}, "TaskScheduled")
    assert installed[0] == ["_add_event"]


def test_one_day_of_an_index_refuses_its_tables_write(installed, file):
    reached, measured = installed
    file(partition_writes=[0, 2])
    for number in range(2):
        assert dynamodb._put_item(item(number)) == DONE
    assert error(dynamodb._put_item(item(2))) == (400, "ThrottlingException")
    assert dynamodb._put_item(item(2, day="2026-11-28")) == DONE
    index = {"TableName": "Requests", "GlobalSecondaryIndexName": "by_day"}
    assert measured == [("AWS/DynamoDB", "WriteThrottleEvents", index)]
    assert len(reached) == 3


def test_one_item_refuses_too_many_updates(installed, file):
    file(partition_writes=[0, 1])
    update = {"TableName": "Requests", "Key": {"request_id": {"S": "req_1"}}}
    assert dynamodb._update_item(update) == DONE
    assert error(dynamodb._update_item(update)) == (400, "ThrottlingException")
    assert installed[1] == [("AWS/DynamoDB", "WriteThrottleEvents", {"TableName": "Requests"})]


def test_without_a_file_nothing_is_replaced(monkeypatch):
    monkeypatch.delenv(quotas.VARIABLE, raising=False)
    before = dynamodb._put_item
    quotas.install()
    assert dynamodb._put_item is before


def test_upstream_still_throttles_neither_executions_nor_partitions():
    for module in (stepfunctions, dynamodb):
        assert "ThrottlingException" not in inspect.getsource(module)
    assert '"account"' not in inspect.getsource(apigateway_v1._check_throttle)
