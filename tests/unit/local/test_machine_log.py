import inspect
import json

import pytest
from ministack.services import cloudwatch_logs as logs
from ministack.services import stepfunctions

from local.emulator import machine_log

GROUP = "log-of-a-machine"
ARN = f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}:*"
FAILED = {"taskFailedEventDetails": {"error": "E", "cause": "why", "resource": "lambda"}}
ENTERED = {"stateEnteredEventDetails": {"name": "Failed", "input": "the prompt"}}


@pytest.fixture
def written(monkeypatch):
    """The lines about these events of a machine with these settings."""

    def written(*events, **settings):
        logs._create_log_group({"logGroupName": GROUP})
        target = [{"CloudWatchLogsLogGroup": {"LogGroupArn": ARN}}]
        told = {"Level": "ERROR", "IncludeExecutionData": False, "Destinations": target} | settings
        machine = {"name": "jobs", "loggingConfiguration": told}
        monkeypatch.setattr(stepfunctions, "_state_machines", {"m": machine})
        execution = {"executionArn": "e", "stateMachineArn": "m", "events": []}
        for kind, details in events:
            machine_log._logged(execution, kind, details)
        streams = logs._log_groups[GROUP]["streams"].values()
        return [json.loads(event["message"]) for stream in streams for event in stream["events"]]

    yield written
    logs._delete_log_group({"logGroupName": GROUP})


def test_a_failure_is_logged_with_its_cause_and_without_the_data(written):
    failed, entered = written(("TaskFailed", FAILED), ("FailStateEntered", ENTERED))
    assert (failed["id"], failed["previous_event_id"], failed["type"]) == ("1", "0", "TaskFailed")
    assert failed["details"] == {"error": "E", "cause": "why", "resource": "lambda"}
    assert failed["execution_arn"] == "e"
    assert entered["details"] == {"name": "Failed"}


def test_what_succeeds_is_not_logged_at_the_level_error(written):
    succeeded = {"taskSucceededEventDetails": {"output": "the answer"}}
    assert written(("TaskSucceeded", succeeded), ("TaskStateEntered", ENTERED)) == []


def test_at_the_level_fatal_only_the_end_is_logged(written):
    ended = {"executionFailedEventDetails": {"error": "E", "cause": "why"}}
    lines = written(("TaskFailed", FAILED), ("ExecutionFailed", ended), Level="FATAL")
    assert [line["type"] for line in lines] == ["ExecutionFailed"]


@pytest.mark.parametrize("settings", [{"Level": "ALL"}, {"IncludeExecutionData": True}])
def test_a_log_with_data_is_refused(written, settings):
    with pytest.raises(NotImplementedError):
        written(("TaskFailed", FAILED), **settings)


def test_upstream_still_writes_no_log_of_a_machine():
    assert "put_log_events" not in inspect.getsource(stepfunctions)
