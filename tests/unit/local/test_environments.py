import threading
from types import SimpleNamespace

import pytest
from ministack.core import lambda_runtime

from local.emulator import workers

CONFIG = {"FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:classify:1"}


class Environment:
    """One that takes a moment to start."""

    def __init__(self, *_arguments):
        self.starting, self.may_start = threading.Event(), threading.Event()


@pytest.fixture
def made(monkeypatch):
    """The environments in the order in which they were made."""
    made = []

    def make(*_arguments):
        made.append(Environment())
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
