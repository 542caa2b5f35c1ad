import json

import botocore.session
import pytest

from functions.shared.contracts.states import RecordInput
from functions.shared.errors import ERRORS_BY_NAME, ProviderError
from functions.shared.never_ran import NEVER_RAN
from functions.shared.vocabulary import BUILT_IN_PROVIDERS
from stacks.compute.machines import ORCHESTRATE, definition

DEFINITION = json.loads(definition(ORCHESTRATE, 26_000, BUILT_IN_PROVIDERS))
TASKS = {name: state for name, state in DEFINITION["States"].items() if state["Type"] == "Task"}


def _named_errors(state):
    rules = state.get("Retry", []) + state.get("Catch", [])
    return {name for rule in rules for name in rule["ErrorEquals"]}


def test_every_error_named_in_the_machine_is_a_class_of_the_tree():
    named = set().union(*(_named_errors(state) for state in TASKS.values()))
    own = {
        name
        for name in named
        if not name.startswith(("States.", "Lambda.")) and name not in NEVER_RAN
    }
    assert own <= ERRORS_BY_NAME.keys()


def test_what_lambda_may_refuse_to_run_is_known_to_have_never_run():
    invoke = botocore.session.get_session().get_service_model("lambda").operation_model("Invoke")
    refusals = {f"Lambda.{shape.name}" for shape in invoke.error_shapes}
    assert refusals <= set(NEVER_RAN)
    assert len(set(NEVER_RAN)) == len(NEVER_RAN)


def test_a_function_that_never_ran_is_caught_apart_from_a_call_that_may_be_billed():
    caught = {
        name: rule["Assign"].get("told")
        for rule in TASKS["Invoke Provider"]["Catch"]
        for name in rule["ErrorEquals"]
    }
    assert all(caught[name] == {"spent": 0} for name in NEVER_RAN)
    assert "$candidate.worst_case_cost_nano_usd" in caught["States.ALL"]["spent"]
    assert not {"Runtime.ExitError", "Sandbox.Timedout", "Lambda.Unknown", "States.Timeout"} & set(
        NEVER_RAN
    )


def test_every_provider_error_is_named_by_invoke_provider_or_left_to_its_catch_all():
    named = _named_errors(TASKS["Invoke Provider"])
    raised = {child.__name__ for child in ProviderError.__subclasses__()}
    choices = json.dumps(DEFINITION["States"]["Answered?"]["Choices"])
    answers = {name for name in raised if f"'{name}'" in choices}
    assert answers == {"RequestDoubted", "RequestUnsupported"}
    # The machine says that itself.
    assert raised - named - answers == {"CostLimitReached"}
    assert TASKS["Invoke Provider"]["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_has_a_timeout_a_retry_and_a_catch(name):
    assert TASKS[name].keys() >= {"TimeoutSeconds", "Retry", "Catch"}


def test_the_machine_speaks_jsonata_only():
    assert DEFINITION["QueryLanguage"] == "JSONata"
    json_path = {"InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector"}
    assert not any(json_path & state.keys() for state in DEFINITION["States"].values())


def test_an_answered_request_passes_five_states():
    path, name = [], DEFINITION["StartAt"]
    while name:
        path.append(name)
        state = DEFINITION["States"][name]
        name = state.get("Next") or state.get("Default")
    assert path == ["Classify", "Score", "Invoke Provider", "Answered?", "Record Metrics"]


@pytest.mark.parametrize("name", [name for name in TASKS if "Record" in name or "Queue" in name])
def test_whatever_is_recorded_or_queued_comes_with_the_prompt_to_log(name):
    arguments = TASKS[name]["Arguments"]
    recorded = arguments.get("Payload") or arguments["MessageBody"]
    assert recorded["logged_prompt"] == "{% $logged_prompt %}"
    assert recorded.keys() <= RecordInput.model_fields.keys()
