import inspect
import json
import time

import pytest
from ministack.services import stepfunctions

from local.emulator import async_invocations, executions

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:jobs"
EXECUTION = "arn:aws:states:us-east-1:000000000000:execution:jobs:req_1"
STARTED = (200, {}, b"{}")
STARTS = ("_start_execution", "_start_sync_execution")
UPSTREAMS_START = executions._start_sync


@pytest.fixture(autouse=True)
def upstream(monkeypatch):
    """Stands in for ministack, which would start what is not refused; what reached it."""
    started = []

    def start(request):
        started.append(request)
        return STARTED

    for name in ("_start", "_start_sync"):
        monkeypatch.setattr(executions, name, start)
    running = {"executionArn": EXECUTION, "startDate": 1.0, "status": "RUNNING", "input": "{}"}
    monkeypatch.setattr(stepfunctions, "_executions", {EXECUTION: running})
    monkeypatch.setattr(stepfunctions, "_state_machines", {MACHINE: {"stateMachineArn": MACHINE}})
    return started


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"input": "ä" * (executions.MAX_INPUT_BYTES // 2 + 1)}, "ValidationException"),
        ({"name": "a b"}, "InvalidName"),
        ({"name": "x" * 81}, "InvalidName"),
        ({"name": ""}, "InvalidName"),
    ],
)
def test_what_aws_refuses_to_start_is_refused(upstream, start, request_, error):
    status, _, body = getattr(executions, start)(request_)
    assert (status, error in json.dumps(json.loads(body))) == (400, True)
    assert upstream == []


@pytest.mark.parametrize("start", STARTS)
def test_the_longest_input_and_name_are_started(upstream, start):
    request = {"input": "x" * executions.MAX_INPUT_BYTES, "name": "n" * 80}
    assert getattr(executions, start)(request) == STARTED
    assert upstream == [request]


def test_the_same_name_and_input_again_answers_the_running_execution(upstream):
    again = {"stateMachineArn": MACHINE, "name": "req_1", "input": "{}"}
    status, _, body = executions._start_execution(again)
    assert (status, json.loads(body)["executionArn"], upstream) == (200, EXECUTION, [])


@pytest.mark.parametrize("other", [{"input": "[]"}, {"name": "req_2"}, {"stateMachineArn": "none"}])
def test_another_name_input_or_machine_is_upstreams_to_start(upstream, other):
    request = {"stateMachineArn": MACHINE, "name": "req_1", "input": "{}"} | other
    assert executions._start_execution(request) == STARTED


def test_an_aborted_execution_does_not_fail_afterwards(monkeypatch):
    failed = []
    monkeypatch.setattr(executions, "_fail_execution", lambda *call: failed.append(call))
    executions._fail({"status": "ABORTED"}, "E", "cause")
    assert failed == []
    executions._fail({"status": "RUNNING"}, "E", "cause")
    assert failed == [({"status": "RUNNING"}, "E", "cause")]


def test_all_of_an_assign_sees_the_values_from_before():
    context = {"variables": {"n": 1}}
    state = {"QueryLanguage": "JSONata", "Assign": {"n": "{% $n + 1 %}", "before": "{% $n %}"}}
    executions._assign(state, {}, context)
    assert context["variables"] == {"n": 2, "before": 1}


def test_a_timeout_may_be_computed(monkeypatch):
    seen = []
    monkeypatch.setattr(executions, "_execute_task", lambda state, *_: seen.append(state))
    state = {"QueryLanguage": "JSONata", "TimeoutSeconds": "{% $seconds * 2 %}"}
    executions._task(state, {}, {}, {"variables": {"seconds": 13}})
    assert [task["TimeoutSeconds"] for task in seen] == [26]


def test_an_execution_starts_at_once_and_waits_as_long_as_it_says(monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    clock = executions._Clock()
    clock.sleep(0.15)
    clock.sleep(2)
    assert slept == [2]
    assert clock.monotonic is time.monotonic


SIZE = executions.MAX_INPUT_BYTES
EXACT, TOO_LARGE = "é" * ((SIZE - 2) // 2), "é" * (SIZE // 2)


@pytest.fixture
def run(monkeypatch):
    """How a machine of these states ends: (status, error, output)."""

    def run(states, result=None):
        monkeypatch.setattr(async_invocations, "_invoke_resource", lambda *_call: result)
        for name in ("_task", "_assign", "_arguments", "_output", "_invoke", "_fail", "_Clock"):
            target = {
                "_task": "_execute_task",
                "_assign": "_apply_state_assign",
                "_arguments": "_apply_jsonata_arguments",
                "_output": "_apply_jsonata_output",
                "_invoke": "_invoke_resource",
                "_fail": "_fail_execution",
                "_Clock": "time",
            }[name]
            ours = getattr(executions, name)
            monkeypatch.setattr(stepfunctions, target, ours() if target == "time" else ours)
        definition = {"QueryLanguage": "JSONata", "StartAt": "One", "States": states}
        machine = {"name": "m", "definition": json.dumps(definition), "roleArn": "r"}
        monkeypatch.setattr(stepfunctions, "_state_machines", {"arn": machine})
        execution = {
            "executionArn": "e", "stateMachineArn": "arn", "name": "n", "status": "RUNNING",
            "startDate": "2026-11-26T00:00:00Z", "input": "{}", "events": [],
        }  # fmt: skip
        monkeypatch.setattr(stepfunctions, "_executions", {"e": execution})
        stepfunctions._run_execution("e")
        return execution["status"], execution.get("error"), execution["output"]

    return run


def task(**changes):
    caught = {"ErrorEquals": ["States.ALL"], "Output": "caught", "Next": "Two"}
    fields = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {}}
    return {
        "One": {**fields, "Catch": [caught], "Next": "Two", **changes},
        "Two": {"Type": "Succeed"},
    }


def test_a_result_of_256_kib_is_handed_on_and_a_larger_one_fails_its_task(run):
    assert run(task(Output="taken"), EXACT) == ("SUCCEEDED", None, '"taken"')
    assert run(task(Output="taken"), TOO_LARGE) == ("SUCCEEDED", None, '"caught"')


@pytest.mark.parametrize("field", ["Arguments", "Output", "Assign"])
def test_what_a_state_hands_on_ends_the_execution_where_it_is_larger(run, field):
    def with_text(text):
        value = {"x": text} if field == "Assign" else text
        return task(**{"Output": "taken", field: value})

    around = len('{"x":}') // 2 if field == "Assign" else 0
    assert run(with_text(EXACT[around:]))[0] == "SUCCEEDED"
    status, error, _ = run(with_text(TOO_LARGE))
    assert (status, error) == ("FAILED", "States.DataLimitExceeded")


@pytest.mark.parametrize("refusal", ["ExecutionAlreadyExists", "ThrottlingException"])
def test_a_state_that_starts_an_execution_gets_aws_names_of_what_is_refused(monkeypatch, refusal):
    def refuse(*_call):
        raise stepfunctions._ExecutionError(refusal, "no")

    monkeypatch.setattr(executions, "_start_nested", refuse)
    with pytest.raises(stepfunctions._ExecutionError) as raised:
        executions._nested("arn:aws:states:::states:startExecution", {})
    assert raised.value.error == f"StepFunctions.{refusal.removesuffix('Exception')}Exception"


def test_upstream_still_bounds_nothing_that_a_state_hands_on():
    assert "States.DataLimitExceeded" not in inspect.getsource(stepfunctions)
    assert "StepFunctions." not in inspect.getsource(stepfunctions._invoke_nested_start_execution)


@pytest.mark.parametrize("definition", [{"Type": "Pass", "End": True}, {"Type": "Fail"}])
def test_nothing_is_kept_of_an_express_execution_that_was_answered(monkeypatch, definition):
    monkeypatch.setattr(executions, "_start_sync", UPSTREAMS_START)
    machine = {
        "stateMachineArn": MACHINE,
        "name": "jobs",
        "roleArn": "arn:role",
        "definition": json.dumps({"StartAt": "Only", "States": {"Only": definition}}),
    }
    monkeypatch.setattr(stepfunctions, "_state_machines", {MACHINE: machine})
    started = {"stateMachineArn": MACHINE, "name": "req_2", "input": '{"a": 1}'}
    status, _, body = executions._start_sync_execution(started)
    ended = "SUCCEEDED" if definition["Type"] == "Pass" else "FAILED"
    assert (status, json.loads(body)["status"]) == (200, ended)
    assert list(stepfunctions._executions) == [EXECUTION]


def test_what_is_no_execution_is_answered_as_upstream_does(monkeypatch):
    monkeypatch.setattr(executions, "_start_sync", UPSTREAMS_START)
    assert executions._start_sync_execution({"stateMachineArn": "none"})[0] == 400
