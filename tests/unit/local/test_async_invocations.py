import inspect
import json
import threading
import time

import pytest
from ministack.services import lambda_svc, sqs, stepfunctions

from local.emulator import async_invocations

ARN = "arn:aws:lambda:us-east-1:000000000000:function:record"
QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:dead"
TASK = "arn:aws:states:::lambda:invoke"
UPSTREAMS_QUEUE = lambda_svc.invoke_async_with_retry
DONE = {"body": {}}
FAILED = {"error": True, "body": {"errorMessage": "broken", "errorType": "E"}}
THROTTLED = {"error": True, "throttle": True, "body": {"__type": "TooManyRequestsException"}}


class Lambda:
    """Answers each call with the next result, and the last one ever after."""

    def __init__(self):
        self.results, self.events, self.waits, self.dead = [DONE], [], [], []
        self.config = {"FunctionArn": ARN, "DeadLetterConfig": {"TargetArn": QUEUE_ARN}}

    def execute(self, function, event):
        self.events.append(event)
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]

    def invoke(self, event, **changes):
        arguments = {"FunctionName": ARN, "InvocationType": "Event", "Payload": event, **changes}
        return async_invocations.invoked(TASK, arguments)


@pytest.fixture
def functions(monkeypatch):
    made = Lambda()
    found = {ARN: ({"name": "record"}, made.config, "record")}
    monkeypatch.setattr(
        lambda_svc, "_get_func_record_for_ref", lambda ref: found.get(ref, (None, None, ref))
    )
    monkeypatch.setattr(lambda_svc, "_execute_function_with_config_scope", made.execute)
    monkeypatch.setattr(sqs, "_queue_name_to_url", {"dead": "http://dead"})
    monkeypatch.setattr(sqs, "_act_send_message", lambda *message: made.dead.append(message))
    monkeypatch.setattr(time, "sleep", made.waits.append)

    class Thread:
        """Works its events off at once."""

        def __init__(self, target, args, daemon):
            assert daemon
            self.start = lambda: target(*args)

    monkeypatch.setattr(threading, "Thread", Thread)
    return made


def test_upstream_still_lets_every_state_wait_and_repeats_what_is_throttled_like_what_failed():
    assert "InvocationType" not in inspect.getsource(async_invocations._invoke_resource)
    assert '"throttle"' not in inspect.getsource(UPSTREAMS_QUEUE)


def test_a_state_that_waits_for_nothing_gets_no_result(functions):
    assert functions.invoke({"a": 1}) == {"StatusCode": 202, "Payload": ""}
    assert functions.events == [{"a": 1}]
    assert (functions.waits, functions.dead) == ([], [])


def test_a_function_that_is_not_there_fails_its_state(functions):
    with pytest.raises(stepfunctions._ExecutionError) as raised:
        functions.invoke({}, FunctionName="none")
    assert raised.value.error == "Lambda.ResourceNotFoundException"


@pytest.mark.parametrize("invocation", [{}, {"InvocationType": "RequestResponse"}])
def test_any_other_task_is_upstreams(functions, monkeypatch, invocation):
    monkeypatch.setattr(async_invocations, "_invoke_resource", lambda *task: task)
    arguments = {"FunctionName": ARN, "Payload": {}, **invocation}
    assert async_invocations.invoked(TASK, arguments) == (TASK, arguments)
    assert async_invocations.invoked("other", {}) == ("other", {})


def test_what_fails_is_run_twice_again_and_no_more_once_it_is_done(functions):
    functions.results = [FAILED, DONE]
    functions.invoke({})
    assert (len(functions.events), functions.waits, functions.dead) == (2, [1.0], [])


def test_what_keeps_failing_is_a_dead_letter_with_the_event_itself_in_it(functions):
    functions.results = [FAILED]
    functions.invoke({"request_id": "req_1"})
    assert (len(functions.events), functions.waits) == (3, [1.0, 2.0])
    [(message, url)] = functions.dead
    assert (url, json.loads(message["MessageBody"])) == ("http://dead", {"request_id": "req_1"})
    told = {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}
    assert (told["ErrorCode"], told["ErrorMessage"]) == ("200", "broken")


def test_what_is_throttled_waits_ever_longer_and_is_not_counted_as_failed(functions):
    functions.results = [*[THROTTLED] * 12, FAILED, FAILED, DONE]
    functions.invoke({})
    assert functions.waits[:12] == [*(2.0**number for number in range(9)), 300.0, 300.0, 300.0]
    assert (functions.waits[12:], functions.dead) == ([1.0, 2.0], [])


def test_what_is_throttled_for_six_hours_is_a_dead_letter(functions, monkeypatch):
    functions.results = [THROTTLED]
    monkeypatch.setattr(time, "monotonic", lambda: sum(functions.waits))
    functions.invoke({})
    assert sum(functions.waits) <= 6 * 3600 < sum(functions.waits) + 300
    [(message, _url)] = functions.dead
    assert message["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"


def test_without_a_queue_for_it_nothing_is_kept(functions):
    functions.results = [FAILED]
    del functions.config["DeadLetterConfig"]
    functions.invoke({})
    assert (len(functions.events), functions.dead) == (3, [])
