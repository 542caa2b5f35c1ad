import inspect
import json
import threading
from types import SimpleNamespace

import pytest
from ministack.core import lambda_runtime
from ministack.services import lambda_svc, stepfunctions

from local.emulator import workers

CONFIG = {"FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:classify:1"}


class Environment:
    """One that takes a moment to start."""

    def __init__(self, _name, config, _code):
        self.config = config
        self.starting, self.may_start = threading.Event(), threading.Event()


@pytest.fixture
def made(monkeypatch):
    """The environments in the order in which they were made."""
    made = []

    def make(*_arguments):
        made.append(Environment(*_arguments))
        return made[-1]

    def start(environment):
        environment.starting.set()
        assert environment.may_start.wait(10)

    monkeypatch.setattr(lambda_runtime, "_workers", {})
    monkeypatch.setattr(lambda_runtime, "_worker_class_for", lambda _config: make)
    monkeypatch.setattr(lambda_runtime, "ensure_spawned", start)
    return made


def in_background(action):
    """A call of `action`, and its outcome."""
    call = SimpleNamespace(outcome=None)

    def run():
        call.outcome = action()

    call.thread = threading.Thread(target=run, daemon=True)
    call.thread.start()
    return call


def wait_until(condition):
    moment = threading.Event()
    for _ in range(1000):
        if condition():
            return
        moment.wait(0.01)
    raise TimeoutError


def test_an_invocation_waits_for_the_environment_that_a_new_version_starts(made):
    pools = workers._Pools()
    published, _ = pools.reserve("classify", CONFIG, b"", "1")
    invoking = in_background(lambda: pools.lease("classify", CONFIG, b"", "1"))
    invoking.thread.join(0.05)
    assert invoking.outcome is None
    pools.release(published)
    made[0].may_start.set()
    invoking.thread.join(10)
    assert invoking.outcome is published
    assert made == [published]


def test_invocations_start_environments_one_after_the_other(made):
    pools = workers._Pools()
    first, second = (
        in_background(lambda: pools.lease("classify", CONFIG, b"", "1")) for _ in range(2)
    )
    wait_until(lambda: made and made[0].starting.is_set())
    second.thread.join(0.05)
    assert len(made) == 1
    made[0].may_start.set()
    wait_until(lambda: len(made) == 2)
    made[1].may_start.set()
    for call in (first, second):
        call.thread.join(10)
    assert {first.outcome, second.outcome} == set(made)


def test_an_environment_that_does_not_start_leaves_room_for_another(made, monkeypatch):
    pools = workers._Pools()

    def fail(_environment):
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(lambda_runtime, "ensure_spawned", fail)
        with pytest.raises(RuntimeError):
            pools.lease("classify", CONFIG, b"", "1")
    made[0].may_start.set()
    assert pools.lease("classify", CONFIG, b"", "1") is made[0]


def test_a_function_is_told_the_level_of_its_logs_filter():
    told = {
        "LoggingConfig": {"ApplicationLogLevel": "DEBUG"},
        "Environment": {"Variables": {"A": "1"}},
    }
    level = workers._with_log_level(told)["Environment"]["Variables"]
    assert level == {"A": "1", "AWS_LAMBDA_LOG_LEVEL": "DEBUG"}
    assert workers._with_log_level(CONFIG) == CONFIG


def test_an_exception_is_one_line_of_json_in_the_log_as_the_runtime_writes_it():
    failure = {"errorType": "ProviderThrottled", "errorMessage": "slow\ndown", "stackTrace": []}
    outcome = workers._outcome({"status": "ok", "log": "", "failure": failure}, "r-1")
    [line] = outcome["log"].splitlines()
    written = json.loads(line)
    assert written.pop("timestamp")
    assert written == {"level": "ERROR", "requestId": "r-1", **failure}
    assert outcome["body"] == {**failure, "requestId": "r-1"}


THROTTLED = lambda_svc._throttle_response("ConcurrentInvocationLimitExceeded", "Rate Exceeded")


@pytest.mark.parametrize(
    ("cause", "name"),
    [
        (json.dumps(THROTTLED["body"]), "Lambda.TooManyRequestsException"),
        ('{"errorType": "KeyError", "errorMessage": "x"}', "Lambda.Unknown"),
        ("no JSON", "Lambda.Unknown"),
    ],
)
def test_a_refusal_of_lambda_has_its_own_name_in_a_state(monkeypatch, cause, name):
    def refuse(*_call):
        raise stepfunctions._ExecutionError("Lambda.Unknown", cause)

    monkeypatch.setattr(workers, "_call", refuse)
    with pytest.raises(stepfunctions._ExecutionError) as raised:
        workers._called("classify", {})
    assert raised.value.error == name


def test_a_version_is_bound_by_what_its_function_reserves(monkeypatch):
    monkeypatch.setattr(lambda_svc, "_functions", {"classify": {"concurrency": 0}})
    assert workers._reserved({"config": CONFIG}, CONFIG | {"FunctionName": "classify"}) == 0
    assert workers._reserved({"config": CONFIG}, CONFIG | {"FunctionName": "score"}) is None


def test_upstream_still_gives_a_refusal_no_name_in_a_state():
    assert "throttle" not in inspect.getsource(stepfunctions)
    assert "_functions" not in inspect.getsource(lambda_svc._reserved_concurrency)
    assert "root" not in lambda_runtime._PYTHON_WORKER_SCRIPT.split("import_module")[0]
