import json

import pytest

from bench.costs.happy_path import happy_path, transitions
from stacks.compute.machines import ORCHESTRATE, SUBMIT, definition

CHOICE = {
    "Type": "Choice",
    "Choices": [{"Condition": "{% $error = null %}", "Next": "Good"}],
    "Default": "Bad",
}


def path_of(path, **given):
    read = json.loads(definition(path, 26_000, ["openai"]).replace("${ListedSeconds}", "1"))
    return happy_path(read["States"], read["StartAt"], {"idempotency_key": "", **given})


def test_a_choice_goes_on_where_nothing_went_wrong():
    states = {"Asks": CHOICE, "Good": {"Type": "Succeed"}, "Bad": {"Type": "Fail"}}
    assert [one.name for one in happy_path(states, "Asks", {})] == ["Asks", "Good"]


def test_a_job_without_a_key_claims_none():
    names = [one.name for one in path_of(SUBMIT)]
    assert names == ["Check Request", "Key?", "Start Job", "List Job", "Accepted"]
    assert "Claim Key" in [one.name for one in path_of(SUBMIT, idempotency_key="k")]


def test_a_request_goes_through_the_states_that_the_machine_itself_goes_through():
    path = path_of(ORCHESTRATE)
    assert [one.name for one in path][:4] == ["Classify", "Score", "Invoke Provider", "Answered?"]
    assert [one.function for one in path if one.service == "lambda:invoke"] == [
        "Classify",
        "Score",
        None,
        "RecordMetrics",
    ]
    # As the state machine's own test counts them.
    assert transitions(path) == len(path) + 1 <= 6


@pytest.mark.parametrize(
    ("invocation", "awaited"), [({}, True), ({"InvocationType": "Event"}, False)]
)
def test_what_is_only_told_is_not_awaited(invocation, awaited):
    called = {"FunctionName": "${RecordMetricsArn}", **invocation}
    resource = "arn:aws:states:::lambda:invoke"
    state = {"Type": "Task", "Resource": resource, "Arguments": called, "End": True}
    [step] = happy_path({"Records": state}, "Records", {})
    assert (step.function, step.awaited) == ("RecordMetrics", awaited)
