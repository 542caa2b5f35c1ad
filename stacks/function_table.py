"""The table of functions: what each one is called, runs, is told and may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import aws_iam as iam

from stacks.config import StageConfig
from stacks.storage import StorageStack

SYNC_DEADLINE_MS = 26_000
"""Under API Gateway's 29 s, with room for recording the request and for the answer's way back."""
ASYNC_DEADLINE_MS = 240_000
"""Under the provider functions' own timeout."""


@dataclass(frozen=True)
class FunctionSpec:
    """One function. `folder` names its package under functions/."""

    name: str
    folder: str
    environment: Mapping[str, str] = field(default_factory=dict)
    grants: tuple[iam.PolicyStatement, ...] = ()
    layers: tuple[str, ...] = ("core",)
    memory_mb: int = 512
    timeout_s: int = 10
    reserved_concurrency: int | None = None

    @property
    def handler(self) -> str:
        return f"functions.{self.folder}.handler.lambda_handler"


def allow(action: str, *resources: str) -> iam.PolicyStatement:
    """Allow one action on named resources."""
    return iam.PolicyStatement(actions=[action], resources=list(resources))


def workflow_functions(config: StageConfig, storage: StorageStack) -> tuple[FunctionSpec, ...]:
    """The functions the state machines call; `<name>Arn` is their placeholder in the definition."""
    table, queue = storage.requests_table, storage.dead_letter_queue
    return (
        FunctionSpec(
            "Classify",
            "classify",
            environment={
                "SYNC_DEADLINE_MS": str(SYNC_DEADLINE_MS),
                "ASYNC_DEADLINE_MS": str(ASYNC_DEADLINE_MS),
            },
        ),
        FunctionSpec(
            "Score",
            "score",
            environment={
                "PROVIDERS_CONFIGURED": ",".join(config.providers),
                "MOCK_PROVIDERS": config.mock_providers,
            },
        ),
        _provider_function("openai", config, storage),
        _provider_function("anthropic", config, storage),
        FunctionSpec(
            "InvokeSimulator",
            "invoke_provider",
            environment={"PROVIDER": "simulator"},
            timeout_s=300,
        ),
        FunctionSpec(
            "RecordMetrics",
            "record_metrics",
            environment={
                "REQUESTS_TABLE": table.table_name,
                "DEAD_LETTER_QUEUE_URL": queue.queue_url,
                "LOG_RETENTION_DAYS": str(config.request_log_days),
            },
            grants=(
                allow("dynamodb:PutItem", table.table_arn),
                allow("sqs:SendMessage", queue.queue_arn),
            ),
        ),
    )


def api_function(machine_arn: str, execution_arns: str) -> FunctionSpec:
    """The function behind the gateway's reading routes."""
    return FunctionSpec(
        "Api",
        "api",
        environment={"JOBS_STATE_MACHINE_ARN": machine_arn},
        grants=(
            allow("states:DescribeExecution", execution_arns),
            allow("states:StopExecution", execution_arns),
        ),
    )


def _provider_function(provider: str, config: StageConfig, storage: StorageStack) -> FunctionSpec:
    secret_arn = storage.provider_secrets[provider].secret_arn
    return FunctionSpec(
        f"Invoke{provider.title()}",
        "invoke_provider",
        environment={"PROVIDER": provider, "PROVIDER_SECRET_ARN": secret_arn},
        grants=(allow("secretsmanager:GetSecretValue", secret_arn),),
        layers=("core", provider),
        # The SDK's import takes 3 s (openai) and 7 s (anthropic) at 512 MB, half of it at 1024.
        memory_mb=1024,
        timeout_s=300,
        reserved_concurrency=config.provider_concurrency,
    )
