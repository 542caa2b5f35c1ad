import boto3
import pytest

from functions.invoke_provider.providers.simulator import FAILURE_PERCENT_VARIABLE
from local.load_faults import failing

ENVIRONMENT = {"PROVIDER": "simulator", "STAGE": "local"}


class Functions:
    """A Lambda service with two functions; `seen` are the simulator's environments in order."""

    def __init__(self, **left):
        self.seen = [ENVIRONMENT | left]

    def get_paginator(self, _operation):
        return self

    def paginate(self):
        simulator = {"FunctionName": "s", "Environment": {"Variables": self.seen[-1]}}
        return [{"Functions": [{"FunctionName": "bare"}]}, {"Functions": [simulator]}]

    def update_function_configuration(self, **changed):
        assert changed["FunctionName"] == "s"
        self.seen.append(changed["Environment"]["Variables"])

    def get_waiter(self, name):
        assert name == "function_updated_v2"
        return self

    def wait(self, **whom):
        assert whom["FunctionName"] == "s"


@pytest.fixture
def use(monkeypatch):
    def run_on(functions):
        monkeypatch.setattr(boto3, "client", lambda *_, **__: functions)
        return functions

    return run_on


def test_the_share_is_set_for_the_time_of_the_run(use):
    functions = use(Functions())
    with failing(12.5, "http://127.0.0.1:1"):
        assert functions.seen[-1] == ENVIRONMENT | {FAILURE_PERCENT_VARIABLE: "12.5"}
    assert functions.seen[-1] == ENVIRONMENT


def test_an_interrupt_does_not_leave_it_there(use):
    functions = use(Functions())
    with pytest.raises(KeyboardInterrupt), failing(10, "http://127.0.0.1:1"):
        raise KeyboardInterrupt
    assert functions.seen[-1] == ENVIRONMENT


def test_what_a_killed_run_has_left_is_removed(use):
    functions = use(Functions(**{FAILURE_PERCENT_VARIABLE: "100"}))
    with failing(10, "http://127.0.0.1:1"):
        pass
    assert functions.seen[-1] == ENVIRONMENT


def test_without_failures_nothing_is_changed(use):
    functions = use(Functions())
    with failing(0, "http://127.0.0.1:1"):
        pass
    assert len(functions.seen) == 1
