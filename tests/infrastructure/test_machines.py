import json
import re
from typing import Any

import pytest

from stacks.compute.function_table import PROVIDER_FUNCTIONS
from stacks.compute.machines import ORCHESTRATE, SUBMIT, numbers_of
from stacks.names import construct_name
from tests.support.synthesized import Stage, flat

pytestmark = pytest.mark.xdist_group("synthesis")

MACHINE = "AWS::StepFunctions::StateMachine"
MACHINES = ("GenerateMachine", "JobsMachine", "SubmitMachine")


def test_one_definition_serves_both_types(prod: Stage) -> None:
    machines = [prod.pipeline.named(MACHINE, name) for name in MACHINES[:2]]
    assert [machine["StateMachineType"] for machine in machines] == ["EXPRESS", "STANDARD"]
    shapes = {
        re.sub(r'("TimeoutSeconds": )\d+', r"\1n", machine["DefinitionString"])
        for machine in machines
    }
    assert len(shapes) == 1


def _timeouts(machine: dict[str, Any]) -> list[int]:
    states = json.loads(machine["DefinitionString"])["States"].values()
    return [state["TimeoutSeconds"] for state in states if state["Type"] == "Task"]


def test_no_task_outlives_its_execution(prod: Stage) -> None:
    generate, jobs, submit = (prod.pipeline.named(MACHINE, name) for name in MACHINES)
    # The gateway waits for 29 s.
    assert 26 < max(_timeouts(generate)) <= 30
    assert sum(_timeouts(submit)) < 29
    assert 240 < max(_timeouts(jobs)) <= 900


def test_every_number_of_the_definition_comes_from_one_place() -> None:
    text = ORCHESTRATE.read_text("utf-8") + SUBMIT.read_text("utf-8")
    placeholders = set(re.findall(r"\$\{(\w+)\}", text))
    texts = {
        "JobsPath", "JobsTable", "KeyUnknown", "ListedSeconds", "NeverRan", "ProviderFunctions",
        "ServiceErrors", "Unreadable",
    }  # fmt: skip
    numbers = {name for name in placeholders if not name.endswith(("Arn", "Url"))} - texts
    assert numbers == numbers_of(26_000).keys()
    bare = re.findall(r'"(?:[A-Z]\w+Seconds|MaxAttempts|BackoffRate)": \d+', text)
    assert bare == []


@pytest.mark.parametrize("name", MACHINES)
def test_placeholders_of_the_definition_are_the_substitutions(prod: Stage, name: str) -> None:
    machine = prod.pipeline.named(MACHINE, name)
    placeholders = set(re.findall(r"\$\{(\w+)\}", machine["DefinitionString"]))
    assert placeholders == set(machine["DefinitionSubstitutions"])


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_may_invoke_exactly_the_functions_it_names(prod: Stage, name: str) -> None:
    machine = prod.pipeline.named(MACHINE, name)
    role = machine["RoleArn"]["Fn::GetAtt"][0]
    invocable = [
        resource
        for statement in prod.pipeline.statements(role)
        if statement["Action"] == "lambda:InvokeFunction"
        for resource in listed(statement["Resource"])
    ]
    substituted = [
        value
        for key, value in machine["DefinitionSubstitutions"].items()
        if key.endswith("Arn") and not key.endswith("MachineArn")
    ]
    assert sorted(map(str, invocable)) == sorted(map(str, substituted))


def listed(resources: Any) -> list[Any]:
    return resources if isinstance(resources, list) else [resources]


def test_only_the_machine_that_accepts_jobs_starts_others(prod: Stage) -> None:
    starts = {
        name: [
            statement["Resource"]
            for statement in prod.pipeline.statements(
                prod.pipeline.named(MACHINE, name)["RoleArn"]["Fn::GetAtt"][0]
            )
            if statement["Action"] == "states:StartExecution"
        ]
        for name in MACHINES
    }
    assert starts == {
        "GenerateMachine": [],
        "JobsMachine": [],
        "SubmitMachine": [{"Ref": "JobsMachine"}],
    }


def test_the_machine_that_accepts_jobs_puts_them_into_their_table_and_does_no_more(
    prod: Stage,
) -> None:
    reached = {
        name: {
            (str(statement["Action"]), flat(statement["Resource"]))
            for statement in prod.pipeline.statements(
                prod.pipeline.named(MACHINE, name)["RoleArn"]["Fn::GetAtt"][0]
            )
            if str(statement["Action"]).startswith("dynamodb:")
        }
        for name in MACHINES
    }
    [(action, table)] = reached.pop("SubmitMachine")
    assert action == "dynamodb:PutItem"
    assert "GetAttJobs" in table
    assert list(reached.values()) == [set(), set()]


def test_a_job_is_accepted_whether_or_not_it_could_be_listed(prod: Stage) -> None:
    machine = prod.pipeline.named(MACHINE, "SubmitMachine")
    states = json.loads(machine["DefinitionString"])["States"]
    listing = states["List Job"]
    ways = [listing, *listing["Catch"]]
    assert [one["ErrorEquals"] for one in listing["Catch"]] == [["States.ALL"]]
    assert {one["Next"] for one in ways} == {"Accepted"}
    assert {one["Output"] for one in ways} == {"{% $states.input %}"}
    assert states["Start Job"]["Next"] == "List Job"
    assert machine["DefinitionSubstitutions"]["ListedSeconds"] == str(90 * 24 * 3600)


@pytest.mark.parametrize("name", MACHINES[:2])
def test_a_machine_calls_the_live_version_of_a_function_with_snapshots(
    prod: Stage, name: str
) -> None:
    substitutions = prod.pipeline.named(MACHINE, name)["DefinitionSubstitutions"]
    aliases = prod.pipeline.resources("AWS::Lambda::Alias")
    by_alias = {
        key
        for key, value in substitutions.items()
        if isinstance(value, dict) and value.get("Ref") in aliases
    }
    assert by_alias == {"ClassifyArn", "InvokeOpenaiArn", "InvokeAnthropicArn", "InvokeLocalArn"}


def test_the_definition_finds_a_function_for_every_provider(prod: Stage) -> None:
    machine = prod.pipeline.named(MACHINE, "GenerateMachine")
    states = json.loads(machine["DefinitionString"])["States"]
    assert states["Score"]["Assign"]["functions"] == {
        row.provider: f"${{Invoke{construct_name(row.provider)}Arn}}" for row in PROVIDER_FUNCTIONS
    }


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_is_traced_and_logs_errors_without_prompts(prod: Stage, name: str) -> None:
    machine = prod.pipeline.named(MACHINE, name)
    assert machine["TracingConfiguration"] == {"Enabled": True}
    statements = prod.pipeline.statements(machine["RoleArn"]["Fn::GetAtt"][0])
    assert any("xray:PutTraceSegments" in statement["Action"] for statement in statements)
    assert machine["LoggingConfiguration"]["Level"] == "ERROR"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    group = prod.pipeline.named("AWS::Logs::LogGroup", f"Machines{name}Logs")
    assert group["LogGroupName"].startswith("/aws/vendedlogs/states/")


def test_the_machines_have_a_role_each(prod: Stage) -> None:
    roles = {str(machine["RoleArn"]) for machine in prod.pipeline.resources(MACHINE).values()}
    assert len(roles) == len(MACHINES)


def test_the_machines_roles_are_taken_on_for_this_account_alone(prod: Stage) -> None:
    trusts = [
        statement
        for role in prod.pipeline.resources("AWS::IAM::Role").values()
        for statement in role["AssumeRolePolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "states.amazonaws.com"}
    ]
    condition = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert [statement["Condition"] for statement in trusts] == [condition] * len(MACHINES)
