"""The table of functions: what each one is called, runs, is told and may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from functions.shared.catalogue.models import load_catalogue
from functions.shared.storage.request_log import BY_CALLER, BY_DAY
from stacks.compute.bedrock_access import Place, bedrock_models, model_statements, wildcards_of
from stacks.compute.layers import Architecture
from stacks.config import StageConfig, construct_name
from stacks.storage import StorageStack

SYNC_DEADLINE_MS = 26_000
"""Under API Gateway's 29 s, with room for recording the request and for the answer's way back."""
ASYNC_DEADLINE_MS = 240_000
"""Under the provider functions' own timeout."""
CHART_LIBRARY = "node_modules/echarts/dist/echarts.min.js"

# Importing onnxruntime aborts on Lambda's arm64, which lacks /sys/devices/system/cpu:
# https://github.com/microsoft/onnxruntime/issues/10038
_ONNX: Architecture = "x86_64"


@dataclass(frozen=True)
class FunctionSpec:
    """One function. `folder` names its package under functions/."""

    name: str
    folder: str
    environment: Mapping[str, str] = field(default_factory=dict)
    grants: tuple[iam.PolicyStatement, ...] = ()
    wildcards: Mapping[str, str] = field(default_factory=dict)
    """Resources in `grants` that hold a wildcard, as the security checks write them, with why."""
    layers: tuple[str, ...] = ("core",)
    architecture: Architecture = "arm64"
    memory_mb: int = 512
    timeout_s: int = 10
    reserved_concurrency: int | None = None
    snap_start: bool = False
    extra_files: tuple[str, ...] = ()
    """Files of the project that its code holds besides functions/, at their own paths."""

    @property
    def handler(self) -> str:
        return f"functions.{self.folder}.handler.lambda_handler"


@dataclass(frozen=True)
class Access:
    """How a provider function gets at its provider."""

    environment: Mapping[str, str] = field(default_factory=dict)
    grants: tuple[iam.PolicyStatement, ...] = ()
    wildcards: Mapping[str, str] = field(default_factory=dict)


def allow(action: str, *resources: str) -> iam.PolicyStatement:
    """Allow one action on named resources."""
    return iam.PolicyStatement(actions=[action], resources=list(resources))


def _without_credentials(_provider: str, _config: StageConfig, _storage: StorageStack) -> Access:
    return Access()


def _by_secret(provider: str, _config: StageConfig, storage: StorageStack) -> Access:
    secret_arn = storage.provider_secrets[provider].secret_arn
    return Access(
        {"PROVIDER_SECRET_ARN": secret_arn}, (allow("secretsmanager:GetSecretValue", secret_arn),)
    )


def _by_role(_provider: str, config: StageConfig, _storage: StorageStack) -> Access:
    models = bedrock_models(load_catalogue(), datetime.now(UTC).date())
    endpoint = config.bedrock_endpoint_url
    return Access(
        {"BEDROCK_ENDPOINT_URL": endpoint} if endpoint else {},
        tuple(model_statements(models, Place(Aws.PARTITION, Aws.REGION, Aws.ACCOUNT_ID))),
        dict.fromkeys(
            wildcards_of(models, Place("<AWS::Partition>", "<AWS::Region>", "<AWS::AccountId>")),
            "A profile's call goes to any region of its geography; the model is named.",
        ),
    )


@dataclass(frozen=True)
class ProviderFunction:
    """What the function of a provider has beyond what all of them have."""

    provider: str
    access: Callable[[str, StageConfig, StorageStack], Access] = _without_credentials
    layer: str | None = None
    memory_mb: int = 1024
    """Imports are bound by the processor, whose share grows with the memory: the SDKs take 3 s
    (openai) and 7 s (anthropic) at 512 MB, half of it at 1024."""
    architecture: Architecture = "arm64"


PROVIDER_FUNCTIONS = (
    ProviderFunction("openai", _by_secret, layer="openai"),
    ProviderFunction("azure_openai", _by_secret, layer="openai"),
    ProviderFunction("anthropic", _by_secret, layer="anthropic"),
    ProviderFunction("bedrock", _by_role, layer="bedrock"),
    ProviderFunction("local", layer="onnx", architecture=_ONNX),
    ProviderFunction("simulator", memory_mb=512),
)


def workflow_functions(config: StageConfig, storage: StorageStack) -> tuple[FunctionSpec, ...]:
    """The functions the state machines call; `<name>Arn` is their placeholder in the definition."""
    requests, state = storage.requests_table, storage.state_table
    queue = storage.dead_letter_queue
    return (
        FunctionSpec(
            "Classify",
            "classify",
            environment=_classifying(config),
            layers=("core", "onnx"),
            architecture=_ONNX,
            memory_mb=1024,
            snap_start=config.snap_start,
        ),
        FunctionSpec(
            "Score",
            "score",
            environment={
                "STATE_TABLE": state.table_name,
                **_provider_settings(config),
                **_policies(config),
            },
            grants=(allow("dynamodb:BatchGetItem", state.table_arn),),
        ),
        *(_provider_function(row, config, storage) for row in PROVIDER_FUNCTIONS),
        FunctionSpec(
            "RecordMetrics",
            "record_metrics",
            environment={
                "REQUESTS_TABLE": requests.table_name,
                "STATE_TABLE": state.table_name,
                "DEAD_LETTER_QUEUE_URL": queue.queue_url,
                "LOG_RETENTION_DAYS": str(config.request_log_days),
            },
            grants=(
                allow("dynamodb:PutItem", requests.table_arn, state.table_arn),
                allow("dynamodb:UpdateItem", state.table_arn),
                allow("sqs:SendMessage", queue.queue_arn),
            ),
        ),
    )


def route_function(config: StageConfig, storage: StorageStack) -> FunctionSpec:
    """The function behind the dry run, which is not worth a paid snapshot."""
    state = storage.state_table
    return FunctionSpec(
        "Route",
        "route",
        environment={
            "STATE_TABLE": state.table_name,
            **_classifying(config),
            **_provider_settings(config),
        },
        grants=(allow("dynamodb:BatchGetItem", state.table_arn),),
        layers=("core", "onnx"),
        architecture=_ONNX,
        memory_mb=1024,
    )


def api_function(
    config: StageConfig, storage: StorageStack, machine_arn: str, execution_arns: str
) -> FunctionSpec:
    """The function behind all other routes that start no execution."""
    requests, state = storage.requests_table, storage.state_table
    return FunctionSpec(
        "Api",
        "api",
        environment={
            "JOBS_STATE_MACHINE_ARN": machine_arn,
            "REQUESTS_TABLE": requests.table_name,
            "STATE_TABLE": state.table_name,
            **_provider_settings(config),
        },
        grants=(
            allow("states:DescribeExecution", execution_arns),
            allow("states:StopExecution", execution_arns),
            allow("dynamodb:GetItem", requests.table_arn),
            allow("dynamodb:UpdateItem", requests.table_arn),
            allow("dynamodb:BatchGetItem", state.table_arn),
        ),
    )


def observing_functions(
    config: StageConfig, storage: StorageStack, operator_plan: str
) -> tuple[FunctionSpec, ...]:
    """The functions that show what the others did."""
    requests, state = storage.requests_table, storage.state_table
    console = FunctionSpec("Console", "console", extra_files=(CHART_LIBRARY,))
    return (
        FunctionSpec(
            "Metrics",
            "metrics",
            environment={
                "REQUESTS_TABLE": requests.table_name,
                "STATE_TABLE": state.table_name,
                "OPERATOR_PLAN": operator_plan,
                **_provider_settings(config),
            },
            grants=(
                allow("cloudwatch:GetMetricData", "*"),
                allow(
                    "dynamodb:Query",
                    *(f"{requests.table_arn}/index/{name}" for name in (BY_DAY, BY_CALLER)),
                ),
                allow("dynamodb:BatchGetItem", state.table_arn),
                allow(
                    "apigateway:GET",
                    f"arn:{Aws.PARTITION}:apigateway:{Aws.REGION}::/usageplans",
                ),
            ),
            wildcards={"*": "Neither GetMetricData nor X-Ray's write actions name a resource."},
            # Under the gateway's 29 s: a look-up over many days may be asked for twice.
            timeout_s=25,
        ),
        *((console,) if config.console else ()),
        FunctionSpec(
            "Widgets",
            "widgets",
            environment={"STATE_TABLE": state.table_name, **_provider_settings(config)},
            grants=(allow("dynamodb:BatchGetItem", state.table_arn),),
        ),
    )


def _classifying(config: StageConfig) -> dict[str, str]:
    return {
        "SYNC_DEADLINE_MS": str(SYNC_DEADLINE_MS),
        "ASYNC_DEADLINE_MS": str(ASYNC_DEADLINE_MS),
        "LOG_PROMPTS": str(config.log_prompts).lower(),
        **_policies(config),
    }


def _policies(config: StageConfig) -> dict[str, str]:
    shadow = {"SHADOW_POLICY": config.shadow_policy} if config.shadow_policy else {}
    return {"ROUTING_POLICY": config.routing_policy, **shadow}


def _provider_settings(config: StageConfig) -> dict[str, str]:
    return {
        "PROVIDERS_CONFIGURED": ",".join(config.providers_configured),
        "MOCK_PROVIDERS": config.mock_providers,
    }


def _provider_function(
    row: ProviderFunction, config: StageConfig, storage: StorageStack
) -> FunctionSpec:
    # What is never called needs neither a paid snapshot nor a part of the account's concurrency.
    is_called = row.provider in config.providers_configured
    access = row.access(row.provider, config, storage)
    return FunctionSpec(
        f"Invoke{construct_name(row.provider)}",
        "invoke_provider",
        environment={"PROVIDER": row.provider, **access.environment},
        grants=access.grants,
        wildcards=access.wildcards,
        layers=("core", row.layer) if row.layer else ("core",),
        architecture=row.architecture,
        memory_mb=row.memory_mb,
        timeout_s=300,
        reserved_concurrency=config.provider_concurrency if is_called else None,
        snap_start=config.snap_start and is_called,
    )
