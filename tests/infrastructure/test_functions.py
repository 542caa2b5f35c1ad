import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from functions.shared.catalogue.models import load_catalogue
from functions.shared.money.job_calls import calls_id
from functions.shared.settings import (
    AdminSettings,
    ApiSettings,
    AuthorizeSettings,
    ClaimSettings,
    ClassifySettings,
    InvokeSettings,
    MetricsSettings,
    RecordSettings,
    RouteSettings,
    ScoreSettings,
    Settings,
    StoppedSettings,
    SweepSettings,
    TallySettings,
    WidgetSettings,
)
from functions.shared.telemetry.series import NAMESPACE
from functions.shared.vocabulary import BUILT_IN_PROVIDERS
from stacks.compute.bedrock_access import bedrock_models
from stacks.compute.function_table import PROVIDER_FUNCTIONS
from stacks.config import StageConfig
from tests.support.synthesized import TODAY, Stage, flat, synthesized

pytestmark = pytest.mark.xdist_group("synthesis")

FUNCTION = "AWS::Lambda::Function"
FUNCTIONS = {
    "Classify": "classify",
    "Claim": "claim",
    "Score": "score",
    "InvokeOpenai": "invoke_provider",
    "InvokeAzureOpenai": "invoke_provider",
    "InvokeAnthropic": "invoke_provider",
    "InvokeBedrock": "invoke_provider",
    "InvokeGemini": "invoke_provider",
    "InvokeLocal": "invoke_provider",
    "InvokeSimulator": "invoke_provider",
    "RecordMetrics": "record_metrics",
    "Route": "route",
    "Authorize": "authorize",
    "Api": "api",
    "Metrics": "metrics",
    "Console": "console",
    "Docs": "docs",
    "Openai": "openai",
    "Admin": "admin",
    "Widgets": "widgets",
    "Tally": "tally",
    "RecordStopped": "record_stopped",
    "Sweep": "sweep",
}
SECRETS = {
    "InvokeOpenai": "Openai",
    "InvokeAzureOpenai": "AzureOpenai",
    "InvokeAnthropic": "Anthropic",
    "InvokeGemini": "Gemini",
}
SPENDING = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"}
# Layers besides the core.
LAYERS = {
    "InvokeOpenai": "Openai",
    "InvokeAzureOpenai": "Openai",
    "InvokeAnthropic": "Anthropic",
    "InvokeBedrock": "Bedrock",
    "InvokeGemini": "Openai",
    "InvokeLocal": "Onnx",
    "Classify": "Onnx",
    "Route": "Onnx",
}
BEDROCK_ACTIONS = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
READING_A_STREAM = (
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
)
ONNX = {"InvokeLocal", "Classify", "Route"}


def role_of(function: dict[str, Any]) -> str:
    return str(function["Role"]["Fn::GetAtt"][0])


def function(stage: Stage, name: str) -> dict[str, Any]:
    return stage.pipeline.named(FUNCTION, f"Functions{name}")


def variables(stage: Stage, name: str) -> dict[str, Any]:
    return dict(function(stage, name)["Environment"]["Variables"])


def actions_of(stage: Stage, name: str) -> set[str]:
    role = role_of(function(stage, name))
    found: set[str] = set()
    for statement in stage.pipeline.statements(role):
        action = statement["Action"]
        found |= {action} if isinstance(action, str) else set(action)
    return {action for action in found if not action.startswith(("logs:", "xray:"))}


def reached_tables(stage: Stage, name: str) -> dict[str, set[str]]:
    """Per action; every resource must be a table by its export."""
    found: dict[str, set[str]] = {}
    for statement in stage.pipeline.statements(role_of(function(stage, name))):
        actions, resources = statement["Action"], statement["Resource"]
        for action in [actions] if isinstance(actions, str) else actions:
            if action.startswith("dynamodb:"):
                named = [resources] if isinstance(resources, dict) else resources
                found.setdefault(action, set()).update(map(table_of, named))
    return found


def table_of(arn: dict[str, Any]) -> str:
    """A table's name, and the rest of the ARN behind the table's."""
    found = re.fullmatch(
        r"<.*ExportsOutputFnGetAtt([A-Z][a-z]+)[0-9A-F]{8}(Stream)?Arn[0-9A-F]*>(.*)", flat(arn)
    )
    assert found
    return found[1] + (found[2] or "") + found[3]


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


def test_only_tracing_log_delivery_and_reading_metrics_name_no_resource(prod: Stage) -> None:
    for policy in prod.pipeline.resources("AWS::IAM::Policy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Resource"] == "*":
                actions = statement["Action"]
                named = [actions] if isinstance(actions, str) else actions
                assert all(
                    action.startswith(("xray:", "logs:")) or action == "cloudwatch:GetMetricData"
                    for action in named
                )


@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("Classify", set()),
        ("Score", {"dynamodb:BatchGetItem", "dynamodb:GetItem"}),
        ("InvokeOpenai", {"secretsmanager:GetSecretValue", *SPENDING}),
        ("InvokeAzureOpenai", {"secretsmanager:GetSecretValue", *SPENDING}),
        ("InvokeAnthropic", {"secretsmanager:GetSecretValue", *SPENDING}),
        ("InvokeBedrock", {*BEDROCK_ACTIONS, *SPENDING}),
        ("InvokeLocal", SPENDING),
        ("InvokeSimulator", SPENDING),
        (
            "RecordMetrics",
            {
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                "dynamodb:DeleteItem",
                "dynamodb:BatchGetItem",
                "dynamodb:GetItem",
                "sqs:SendMessage",
            },
        ),
        ("Route", {"dynamodb:BatchGetItem", "dynamodb:GetItem"}),
        ("Claim", {f"dynamodb:{one}" for one in ("GetItem", "PutItem", "UpdateItem")}),
        (
            "Api",
            {
                "states:DescribeExecution",
                "states:StopExecution",
                "dynamodb:GetItem",
                "dynamodb:UpdateItem",
                "dynamodb:BatchGetItem",
                "dynamodb:Query",
            },
        ),
        (
            "Openai",
            {
                *(f"states:{action}Execution" for action in ("StartSync", "Describe", "Stop")),
                "dynamodb:UpdateItem",
            },
        ),
        (
            "Metrics",
            {
                "cloudwatch:GetMetricData",
                "dynamodb:Query",
                "dynamodb:BatchGetItem",
            },
        ),
        ("Authorize", {"dynamodb:GetItem"}),
        ("Console", set()),
        (
            "Admin",
            {
                *(f"dynamodb:{action}Item" for action in ("Get", "Put", "Delete", "Update")),
                *("dynamodb:Query", "dynamodb:BatchGetItem"),
                *("apigateway:GET", "apigateway:POST", "apigateway:DELETE"),
            },
        ),
        ("Widgets", {"dynamodb:BatchGetItem", "dynamodb:Query"}),
        ("Tally", {"dynamodb:UpdateItem", "sqs:SendMessage", *READING_A_STREAM}),
        (
            "RecordStopped",
            {
                "states:DescribeExecution",
                "states:GetExecutionHistory",
                "dynamodb:BatchGetItem",
                "dynamodb:GetItem",
                "lambda:InvokeFunction",
                "sqs:SendMessage",
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
            },
        ),
        (
            "Sweep",
            {
                "dynamodb:Query",
                "dynamodb:GetItem",
                "dynamodb:UpdateItem",
                "dynamodb:BatchGetItem",
                "sns:Publish",
            },
        ),
    ],
)
def test_a_function_may_do_exactly_what_it_needs(prod: Stage, name: str, actions: set[str]) -> None:
    assert actions_of(prod, name) == actions


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("Score", {"dynamodb:BatchGetItem": {"State"}, "dynamodb:GetItem": {"Budgets"}}),
        ("Route", {"dynamodb:BatchGetItem": {"State"}, "dynamodb:GetItem": {"Budgets"}}),
        (
            "Claim",
            {f"dynamodb:{one}": {"Answers"} for one in ("GetItem", "PutItem", "UpdateItem")},
        ),
        (
            "RecordMetrics",
            {
                "dynamodb:PutItem": {"Requests", "State"},
                "dynamodb:UpdateItem": {"State", "Budgets", "Jobs"},
                "dynamodb:DeleteItem": {"Answers"},
                "dynamodb:BatchGetItem": {"State"},
                "dynamodb:GetItem": {"Budgets"},
            },
        ),
        (
            "Sweep",
            {
                "dynamodb:Query": {"Budgets/index/open"},
                "dynamodb:GetItem": {"Budgets", "Callers"},
                "dynamodb:UpdateItem": {"Budgets"},
                "dynamodb:BatchGetItem": {"State"},
            },
        ),
        (
            "Api",
            {
                "dynamodb:GetItem": {"Requests"},
                "dynamodb:UpdateItem": {"Requests", "Jobs"},
                "dynamodb:BatchGetItem": {"State", "Budgets"},
                "dynamodb:Query": {"Callers", "Jobs/index/by_caller"},
            },
        ),
        (
            "Metrics",
            {
                "dynamodb:Query": {"Callers", "Requests/index/by_day", "Requests/index/by_caller"},
                "dynamodb:BatchGetItem": {"State", "Budgets"},
            },
        ),
        (
            "Admin",
            {
                "dynamodb:GetItem": {"Callers", "Budgets"},
                **{f"dynamodb:{one}": {"Callers"} for one in ("PutItem", "DeleteItem", "Query")},
                "dynamodb:UpdateItem": {"Budgets"},
                "dynamodb:BatchGetItem": {"State"},
            },
        ),
        (
            "Widgets",
            {"dynamodb:BatchGetItem": {"State", "Budgets"}, "dynamodb:Query": {"Callers"}},
        ),
        (
            "Tally",
            {"dynamodb:UpdateItem": {"State"}}
            | {key: {"RequestsStream"} for key in READING_A_STREAM},
        ),
    ],
)
def test_a_function_reaches_exactly_its_tables(
    prod: Stage, name: str, tables: dict[str, set[str]]
) -> None:
    assert reached_tables(prod, name) == tables


def test_whoever_manages_callers_reaches_keys_of_the_gateways_and_nothing_else_of_it(
    prod: Stage,
) -> None:
    reached: dict[str, set[str]] = {}
    for statement in prod.pipeline.statements(role_of(function(prod, "Admin"))):
        if str(statement["Action"]).startswith("apigateway:"):
            named = statement["Resource"]
            arns = {flat(one) for one in (named if isinstance(named, list) else [named])}
            reached.setdefault(statement["Action"], set()).update(arns)
    ((api, _),) = prod.pipeline.resources("AWS::ApiGateway::RestApi").items()
    plane = "arn:<AWS::Partition>:apigateway:<AWS::Region>::/"
    assert reached == {
        "apigateway:GET": {f"{plane}usageplans"},
        "apigateway:POST": {f"{plane}apikeys", f"{plane}usageplans/*/keys"},
        "apigateway:DELETE": {
            f"{plane}apikeys/*",
            f"{plane}restapis/<{api}>/stages/api/cache/authorizers",
        },
    }


@pytest.mark.parametrize("name", ["Api", "Metrics", "Widgets"])
def test_what_shows_callers_by_name_reads_no_hash_of_a_key(prod: Stage, name: str) -> None:
    (reading,) = (
        statement
        for statement in prod.pipeline.statements(role_of(function(prod, name)))
        if statement["Action"] == "dynamodb:Query" and "Condition" in statement
    )
    assert table_of(reading["Resource"]) == "Callers"
    assert reading["Condition"] == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["caller"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


@pytest.mark.parametrize("name", SECRETS)
def test_a_provider_function_reads_its_own_secret_only(prod: Stage, name: str) -> None:
    secret = variables(prod, name)["PROVIDER_SECRET_ARN"]
    readable = [
        statement["Resource"]
        for statement in prod.pipeline.statements(role_of(function(prod, name)))
        if statement["Action"] == "secretsmanager:GetSecretValue"
    ]
    assert readable == [secret]
    assert f"ExportsOutputRef{SECRETS[name]}Secret" in secret["Fn::ImportValue"]


PROVIDERS = [name for name, folder in FUNCTIONS.items() if folder == "invoke_provider"]


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_function_knows_budgets_and_the_items_of_calls_and_nothing_else(
    prod: Stage, name: str
) -> None:
    (keeping,) = (
        statement
        for statement in prod.pipeline.statements(role_of(function(prod, name)))
        if "dynamodb:BatchGetItem" in statement["Action"]
    )
    assert reached_tables(prod, name) == {
        "dynamodb:BatchGetItem": {"State"},
        "dynamodb:GetItem": {"Budgets"},
        # It writes kept answers, and reads none.
        "dynamodb:UpdateItem": {"State", "Budgets", "Answers"},
    }
    assert keeping["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["calls#*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    assert calls_id("req_1").startswith("calls#")
    assert "Ref" in flat(variables(prod, name)["STATE_TABLE"]["Fn::ImportValue"])


def test_stopped_jobs_are_recorded_by_the_function_that_records_the_others(prod: Stage) -> None:
    named = variables(prod, "RecordStopped")["RECORD_FUNCTION"]["Fn::GetAtt"][0]
    assert named.startswith("FunctionsRecordMetrics")
    (calling,) = (
        statement["Resource"]
        for statement in prod.pipeline.statements(role_of(function(prod, "RecordStopped")))
        if statement["Action"] == "lambda:InvokeFunction"
    )
    assert calling == variables(prod, "RecordStopped")["RECORD_FUNCTION"]


def test_only_ends_that_no_state_could_record_are_followed_up(prod: Stage) -> None:
    rules = [
        rule
        for rule in prod.pipeline.resources("AWS::Events::Rule").values()
        if "EventPattern" in rule
    ]
    (queue,) = (
        name for name in prod.pipeline.resources("AWS::SQS::Queue") if "StoppedJobs" in name
    )
    patterns = []
    for rule in rules:
        assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": [queue, "Arn"]}
        assert rule["EventPattern"]["source"] == ["aws.states"]
        detail = dict(rule["EventPattern"]["detail"])
        assert detail.pop("stateMachineArn") == [{"Ref": "JobsMachine"}]
        patterns.append(detail)
    assert patterns == [
        {"status": ["ABORTED", "TIMED_OUT"]},
        {"status": ["FAILED"], "error": [{"prefix": "States."}]},
    ]


def test_budgets_are_swept_each_minute_and_who_it_concerns_is_told_by_the_alarms_topic(
    prod: Stage,
) -> None:
    (rule,) = (
        rule
        for rule in prod.pipeline.resources("AWS::Events::Rule").values()
        if "ScheduleExpression" in rule
    )
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    (target,) = rule["Targets"]
    assert target["Arn"]["Fn::GetAtt"][0].startswith("FunctionsSweep")
    (topic,) = prod.pipeline.resources("AWS::SNS::Topic")
    assert variables(prod, "Sweep")["ALARM_TOPIC_ARN"] == {"Ref": topic}


def test_there_is_a_function_for_every_provider_that_the_code_knows() -> None:
    known = {*BUILT_IN_PROVIDERS, "simulator"}
    assert {row.provider for row in PROVIDER_FUNCTIONS} == known


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("InvokeOpenai", "openai"),
        ("InvokeAzureOpenai", "azure_openai"),
        ("InvokeAnthropic", "anthropic"),
        ("InvokeBedrock", "bedrock"),
        ("InvokeGemini", "gemini"),
        ("InvokeLocal", "local"),
        ("InvokeSimulator", "simulator"),
    ],
)
def test_a_provider_function_is_told_its_provider(prod: Stage, name: str, provider: str) -> None:
    assert variables(prod, name)["PROVIDER"] == provider
    assert ("PROVIDER_SECRET_ARN" in variables(prod, name)) == (name in SECRETS)


def test_bedrock_may_be_asked_for_the_catalogues_models_and_no_others(prod: Stage) -> None:
    statements = prod.pipeline.statements(role_of(function(prod, "InvokeBedrock")))
    direct, reached = (item for item in statements if item["Action"] == BEDROCK_ACTIONS)
    named = [flat(arn) for arn in direct["Resource"]]
    models = bedrock_models(load_catalogue(), date.fromisoformat(TODAY))
    assert sorted(arn.rpartition("/")[2] for arn in named) == sorted(models)
    assert not any("*" in arn for arn in named)
    profiles = reached["Condition"]["StringEquals"]["bedrock:InferenceProfileArn"]
    called = [arn for arn in named if ":inference-profile/" in arn]
    assert sorted(flat(arn) for arn in profiles) == sorted(called)
    bases = {model.partition(".")[2] for model in models}
    assert {flat(arn).rpartition("/")[2] for arn in reached["Resource"]} <= bases


def test_a_provider_is_asked_for_streams_unless_its_stage_says_otherwise(
    local: Stage, prod: Stage
) -> None:
    assert variables(local, "InvokeBedrock")["STREAM"] == "false"
    assert not {"STREAM", "SILENCE_LIMITS"} & variables(prod, "InvokeBedrock").keys()
    limits = variables(local, "InvokeOpenai")["SILENCE_LIMITS"]
    assert json.loads(limits) == {"between_tokens_s": 7.0}


def test_bedrocks_endpoint_can_be_another_on_the_local_stage(local: Stage, prod: Stage) -> None:
    assert variables(local, "InvokeBedrock")["BEDROCK_ENDPOINT_URL"] == "http://127.0.0.1:9"
    assert "BEDROCK_ENDPOINT_URL" not in variables(prod, "InvokeBedrock")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_requests_call_is_traced_and_every_function_has_json_logs_of_its_own(
    prod: Stage, name: str
) -> None:
    found = function(prod, name)
    assert found["Runtime"] == "python3.13"
    # What the clock or a stream runs would leave a trace each time, of no request.
    traced = None if name in {"Sweep", "Tally"} else {"Mode": "Active"}
    assert found.get("TracingConfig") == traced
    assert found["LoggingConfig"]["LogFormat"] == "JSON"
    assert f"Functions{name}Logs" in found["LoggingConfig"]["LogGroup"]["Ref"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_run_on_arm_but_for_those_with_onnxruntime(prod: Stage, name: str) -> None:
    architecture = "x86_64" if name in ONNX else "arm64"
    assert function(prod, name)["Architectures"] == [architecture]
    versions = prod.pipeline.resources("AWS::Lambda::LayerVersion")
    for layer in function(prod, name)["Layers"]:
        assert versions[layer["Ref"]]["CompatibleArchitectures"] == [architecture]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_carries_the_core_and_nothing_that_it_does_not_import(
    prod: Stage, name: str
) -> None:
    layers = function(prod, name)["Layers"]
    carried = {layer["Ref"].removeprefix("Functions").partition("Layer")[0] for layer in layers}
    assert carried == {"Core", LAYERS.get(name, "Core")}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_with_much_to_import_get_more_of_the_processor(prod: Stage, name: str) -> None:
    waits = name in {"InvokeOpenai", "InvokeAnthropic"}
    assert function(prod, name)["MemorySize"] == (192 if waits else 1024 if name in LAYERS else 512)


def test_what_waits_for_its_provider_has_as_much_memory_as_the_stage_says(tmp_path: Path) -> None:
    stage = synthesized("prod", tmp_path, provider_memory_mb=256)
    assert function(stage, "InvokeOpenai")["MemorySize"] == 256
    assert function(stage, "InvokeLocal")["MemorySize"] == 1024


def test_without_a_snapshot_a_provider_keeps_the_processor_that_its_import_needs(
    tmp_path: Path,
) -> None:
    stage = synthesized("prod", tmp_path, snap_start=False)
    assert function(stage, "InvokeOpenai")["MemorySize"] == 1024


@pytest.mark.parametrize("provider", ["openai", "azure_openai", "anthropic", "bedrock", "gemini"])
def test_a_loaded_provider_leaves_memory_to_its_calls(provider: str) -> None:
    program = (
        "import functions.invoke_provider.handler; "
        "print(next(line.split()[1] for line in open('/proc/self/status') if 'VmHWM' in line))"
    )
    environment = os.environ | {"PROVIDER": provider, "AWS_DEFAULT_REGION": "us-east-1"}
    environment |= {"PROVIDER_SECRET_ARN": "arn", "STATE_TABLE": "State"}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True, text=True
    )
    used_mb = int(ran.stdout) / 1024
    # Lambda's own runtime takes some 30 MB beside the process.
    assert used_mb + 30 < 0.75 * StageConfig.model_fields["provider_memory_mb"].default


def reserved(stage: Stage) -> dict[str, int]:
    functions = stage.pipeline.resources("AWS::Lambda::Function")
    return {
        name.removeprefix("Functions")[:-8]: item["ReservedConcurrentExecutions"]
        for name, item in functions.items()
        if "ReservedConcurrentExecutions" in item
    }


def test_no_stage_reserves_what_a_new_account_does_not_have(prod: Stage, local: Stage) -> None:
    assert reserved(prod) == reserved(local) == {}


def test_only_what_calls_a_provider_gets_a_reserved_part_of_the_account(tmp_path: Path) -> None:
    stage = synthesized("prod", tmp_path, provider_concurrency=7)
    assert reserved(stage) == {"InvokeOpenai": 7, "InvokeAnthropic": 7}


def snap_started(stage: Stage) -> set[str]:
    return {name for name in FUNCTIONS if "SnapStart" in function(stage, name)}


def test_configured_functions_with_much_to_import_start_from_a_snapshot(
    local: Stage, prod: Stage
) -> None:
    assert snap_started(prod) == {"Classify", "InvokeOpenai", "InvokeAnthropic", "InvokeLocal"}
    assert snap_started(local) == {"Classify", "InvokeOpenai", "InvokeBedrock", "InvokeLocal"}
    for name in snap_started(prod):
        assert function(prod, name)["SnapStart"] == {"ApplyOn": "PublishedVersions"}


def test_every_snapshot_is_of_the_version_that_is_live(prod: Stage) -> None:
    aliases = prod.pipeline.resources("AWS::Lambda::Alias")
    versions = prod.pipeline.resources("AWS::Lambda::Version")
    assert len(aliases) == len(versions) == len(snap_started(prod))
    for alias in aliases.values():
        assert alias["Name"] == "live"
        version, attribute = alias["FunctionVersion"]["Fn::GetAtt"]
        assert attribute == "Version"
        assert versions[version]["FunctionName"] == alias["FunctionName"]


def test_a_version_goes_with_its_snapshot_when_the_next_is_live(prod: Stage) -> None:
    for resource in prod.pipeline.document["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Version":
            assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Delete"


def test_every_log_group_ends_its_logs(prod: Stage) -> None:
    groups = prod.pipeline.resources("AWS::Logs::LogGroup")
    assert len(groups) >= len(FUNCTIONS) + 4
    assert {group["RetentionInDays"] for group in groups.values()} == {90}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("Classify", ClassifySettings),
        ("Score", ScoreSettings),
        ("InvokeOpenai", InvokeSettings),
        ("Claim", ClaimSettings),
        ("RecordMetrics", RecordSettings),
        ("Route", RouteSettings),
        ("Authorize", AuthorizeSettings),
        ("Api", ApiSettings),
        ("Metrics", MetricsSettings),
        ("Admin", AdminSettings),
        ("Widgets", WidgetSettings),
        ("Tally", TallySettings),
        ("RecordStopped", StoppedSettings),
        ("Sweep", SweepSettings),
    ],
)
def test_a_function_is_told_what_its_settings_read(
    prod: Stage, name: str, settings: type[Settings]
) -> None:
    required = {field for field, info in settings.model_fields.items() if info.is_required()}
    assert required <= variables(prod, name).keys()


@pytest.mark.parametrize("name", ["Classify", "Score", "Route"])
def test_whoever_decides_knows_the_policies(local: Stage, prod: Stage, name: str) -> None:
    assert variables(prod, name)["ROUTING_POLICY"] == "default"
    assert "SHADOW_POLICY" not in variables(prod, name)
    assert variables(local, name)["SHADOW_POLICY"] == "default"


def test_a_stage_logs_prompts_only_where_it_is_told_to(local: Stage, prod: Stage) -> None:
    assert variables(prod, "Classify")["LOG_PROMPTS"] == "false"
    assert variables(local, "Classify")["LOG_PROMPTS"] == "true"


@pytest.mark.parametrize("name", ["Classify", "Route"])
def test_whoever_classifies_knows_the_deadlines(prod: Stage, name: str) -> None:
    assert variables(prod, name)["SYNC_DEADLINE_MS"] == "26000"
    assert variables(prod, name)["ASYNC_DEADLINE_MS"] == "240000"


def test_the_api_reaches_the_executions_of_jobs_and_no_others(prod: Stage) -> None:
    jobs = variables(prod, "Api")["JOBS_STATE_MACHINE_ARN"]["Ref"]
    machine = prod.pipeline.resources("AWS::StepFunctions::StateMachine")[jobs]
    assert machine["StateMachineType"] == "STANDARD"
    (reached,) = (
        statement["Resource"]
        for statement in prod.pipeline.statements(role_of(function(prod, "Api")))
        if "states:StopExecution" in statement["Action"]
    )
    account = "<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>"
    assert flat(reached) == f"arn:{account}:execution:<{jobs}.Name>:*"


@pytest.mark.parametrize("name", ["Score", "Route", "Api", "Metrics", "Widgets"])
def test_routing_and_the_list_of_models_know_which_providers_can_be_called(
    local: Stage, prod: Stage, name: str
) -> None:
    assert variables(local, name)["PROVIDERS_CONFIGURED"] == "openai,bedrock,local"
    assert variables(local, name)["MOCK_PROVIDERS"] == "auto"
    assert variables(prod, name)["PROVIDERS_CONFIGURED"] == "openai,anthropic,local"
    assert variables(prod, name)["MOCK_PROVIDERS"] == "never"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_metrics_and_logs_say_which_stage_they_are_of(local: Stage, prod: Stage, name: str) -> None:
    for stage, service in ((local, "llm-orchestrator-local"), (prod, "llm-orchestrator-prod")):
        assert variables(stage, name)["POWERTOOLS_SERVICE_NAME"] == service
        assert variables(stage, name)["POWERTOOLS_METRICS_NAMESPACE"] == NAMESPACE


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_traced_function_and_no_other_may_send_its_traces(prod: Stage, name: str) -> None:
    statements = prod.pipeline.statements(role_of(function(prod, name)))
    may = any("xray:PutTraceSegments" in statement["Action"] for statement in statements)
    assert may == ("TracingConfig" in function(prod, name))


def test_what_a_stage_pays_a_provider_is_told_to_what_estimates_costs(local: Stage) -> None:
    told = {
        name: factors
        for name in FUNCTIONS
        if (factors := variables(local, name).get("PRICE_FACTORS"))
    }
    assert told == dict.fromkeys(("Route", "Score"), '{"azure_openai": "1.1"}')
