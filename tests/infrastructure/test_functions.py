from typing import Any

import pytest

from tests.infrastructure.synthesized import Stage

pytestmark = pytest.mark.xdist_group("synthesis")

FUNCTION = "AWS::Lambda::Function"
FUNCTIONS = {
    "Classify": "classify",
    "Score": "score",
    "InvokeOpenai": "invoke_provider",
    "InvokeAnthropic": "invoke_provider",
    "InvokeSimulator": "invoke_provider",
    "RecordMetrics": "record_metrics",
    "Api": "api",
}


def role_of(function: dict[str, Any]) -> str:
    return str(function["Role"]["Fn::GetAtt"][0])


def actions_of(stage: Stage, name: str) -> set[str]:
    role = role_of(stage.pipeline.named(FUNCTION, f"Functions{name}"))
    found: set[str] = set()
    for statement in stage.pipeline.statements(role):
        action = statement["Action"]
        found |= {action} if isinstance(action, str) else set(action)
    return {action for action in found if not action.startswith(("logs:", "xray:"))}


def test_every_function_of_the_table_is_there(prod: Stage) -> None:
    handlers = [props["Handler"] for props in prod.pipeline.resources(FUNCTION).values()]
    expected = [f"functions.{folder}.handler.lambda_handler" for folder in FUNCTIONS.values()]
    assert sorted(handlers) == sorted(expected)


def test_every_function_has_a_role_of_its_own(prod: Stage) -> None:
    functions = prod.pipeline.resources(FUNCTION)
    assert len({role_of(function) for function in functions.values()}) == len(functions)


def test_no_role_may_do_everything_of_a_service(prod: Stage) -> None:
    for policy in prod.pipeline.resources("AWS::IAM::Policy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            assert "*" not in str(statement["Action"])


def test_only_tracing_and_log_delivery_name_no_resource(prod: Stage) -> None:
    for policy in prod.pipeline.resources("AWS::IAM::Policy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Resource"] == "*":
                assert all(action.startswith(("xray:", "logs:")) for action in statement["Action"])


@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("Classify", set()),
        ("Score", set()),
        ("InvokeOpenai", {"secretsmanager:GetSecretValue"}),
        ("InvokeAnthropic", {"secretsmanager:GetSecretValue"}),
        ("InvokeSimulator", set()),
        ("RecordMetrics", {"dynamodb:PutItem", "sqs:SendMessage"}),
        ("Api", {"states:DescribeExecution", "states:StopExecution"}),
    ],
)
def test_a_function_may_do_exactly_what_it_needs(prod: Stage, name: str, actions: set[str]) -> None:
    assert actions_of(prod, name) == actions


@pytest.mark.parametrize("provider", ["Openai", "Anthropic"])
def test_a_provider_function_reads_its_own_secret_only(prod: Stage, provider: str) -> None:
    function = prod.pipeline.named(FUNCTION, f"FunctionsInvoke{provider}")
    secret = function["Environment"]["Variables"]["PROVIDER_SECRET_ARN"]
    readable = [
        statement["Resource"]
        for statement in prod.pipeline.statements(role_of(function))
        if statement["Action"] == "secretsmanager:GetSecretValue"
    ]
    assert readable == [secret]
    assert f"{provider}Secret" in secret["Fn::ImportValue"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_runs_traced_on_arm_with_json_logs_of_its_own(
    prod: Stage, name: str
) -> None:
    function = prod.pipeline.named(FUNCTION, f"Functions{name}")
    assert function["Architectures"] == ["arm64"]
    assert function["Runtime"] == "python3.13"
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["LoggingConfig"]["LogFormat"] == "JSON"
    assert f"Functions{name}Logs" in function["LoggingConfig"]["LogGroup"]["Ref"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_only_provider_functions_carry_an_sdk(prod: Stage, name: str) -> None:
    layers = str(prod.pipeline.named(FUNCTION, f"Functions{name}")["Layers"])
    expected = {"InvokeOpenai": {"Openai"}, "InvokeAnthropic": {"Anthropic"}}.get(name, set())
    carried = {sdk for sdk in ("Openai", "Anthropic") if f"Functions{sdk}Layer" in layers}
    assert "FunctionsCoreLayer" in layers
    assert carried == expected


def test_every_log_group_ends_its_logs(prod: Stage) -> None:
    groups = prod.pipeline.resources("AWS::Logs::LogGroup")
    assert len(groups) >= len(FUNCTIONS) + 4
    assert {group["RetentionInDays"] for group in groups.values()} == {90}


def test_score_knows_which_providers_have_a_key(local: Stage, prod: Stage) -> None:
    def variables(stage: Stage) -> dict[str, str]:
        return dict(stage.pipeline.named(FUNCTION, "FunctionsScore")["Environment"]["Variables"])

    assert variables(local)["PROVIDERS_CONFIGURED"] == "openai"
    assert variables(local)["MOCK_PROVIDERS"] == "auto"
    assert variables(prod)["PROVIDERS_CONFIGURED"] == "openai,anthropic"
    assert variables(prod)["MOCK_PROVIDERS"] == "never"
