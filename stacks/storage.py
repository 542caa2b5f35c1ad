"""The stateful stack: request log, jobs, routing state, callers, budgets, kept answers, dead-letter queues,
provider secrets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from aws_cdk import CfnOutput, CfnResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions.shared.money.budget_table import OPEN, OPEN_INDEX
from functions.shared.storage import job_table, request_log
from functions.shared.storage.time_index import TimeIndex
from functions.shared.vocabulary import Provider
from stacks.config import StageConfig
from stacks.names import construct_name
from stacks.security import acknowledge
from stacks.user_pool import add_user_pool

# What the operator puts into each. Bedrock has none: its function's role is its credential. Azure's
# base_url is the endpoint of the operator's own resource.
SECRET_FIELDS: dict[Provider, tuple[str, ...]] = {
    "openai": ("api_key",),
    "azure_openai": ("api_key", "base_url"),
    "anthropic": ("api_key",),
    "gemini": ("api_key",),
}


class StorageStack(Stack):
    """What outlives a deployment of the pipeline."""

    def __init__(self, scope: Construct, construct_id: str, *, config: StageConfig) -> None:
        super().__init__(scope, construct_id, description="LLM orchestrator: data")
        self._config = config
        self._removal = RemovalPolicy.RETAIN if config.protect_data else RemovalPolicy.DESTROY
        self.requests_table = self._add_requests_table()
        self.state_table = self._add_table("State", "state_id")
        self.callers_table = self._add_table("Callers", "kind", sort_key="item_id")
        self.budgets_table = self._add_budgets_table()
        self.answers_table = self._add_table("Answers", "answer_id")
        self.jobs_table = self._add_jobs_table()
        self.dead_letter_queue = self._add_dead_letter_queue("DeadLetterQueue")
        self.event_dead_letter_queue = self._add_dead_letter_queue("EventDeadLetterQueue")
        extra = [one.name for one in config.extra_providers if one.secret is None]
        self.provider_secrets: dict[str, secretsmanager.Secret] = {
            provider: self._add_secret(provider, fields)
            for provider, fields in (SECRET_FIELDS | dict.fromkeys(extra, ("api_key",))).items()
        }
        self.token_issuer = add_user_pool(self, config) if config.auth.cognito else config.jwt
        """Whose tokens open the stage."""
        CfnOutput(self, "RequestsTableName", value=self.requests_table.table_name)
        CfnOutput(self, "StateTableName", value=self.state_table.table_name)
        CfnOutput(self, "CallersTableName", value=self.callers_table.table_name)
        CfnOutput(self, "BudgetsTableName", value=self.budgets_table.table_name)
        CfnOutput(self, "AnswersTableName", value=self.answers_table.table_name)
        CfnOutput(self, "JobsTableName", value=self.jobs_table.table_name)
        CfnOutput(self, "DeadLetterQueueUrl", value=self.dead_letter_queue.queue_url)

    def _add_requests_table(self) -> dynamodb.Table:
        # What a row adds to metrics and to spend follows from its stream, by the function Tally.
        table = self._add_table("Requests", "request_id", stream=dynamodb.StreamViewType.NEW_IMAGE)
        for name, partition in request_log.PARTITION_OF.items():
            index = TimeIndex(name, partition, "created_at")
            _list_by_time(table, index, "request_id", request_log.LISTED)
        return table

    def _add_jobs_table(self) -> dynamodb.Table:
        table = self._add_table("Jobs", "execution_id")
        _list_by_time(table, job_table.BY_CALLER, "execution_id", job_table.LISTED)
        return table

    def _add_budgets_table(self) -> dynamodb.Table:
        table = self._add_table("Budgets", "budget_id")
        # Sparse: the sweeper looks at the budgets that may have open holds, and at no others.
        table.add_global_secondary_index(
            index_name=OPEN_INDEX,
            partition_key=_text(OPEN),
            sort_key=_text("budget_id"),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        return table

    @property
    def requests_stream_arn(self) -> str:
        return str(self.requests_table.table_stream_arn)

    def _add_table(
        self,
        construct_id: str,
        key: str,
        *,
        sort_key: str | None = None,
        stream: dynamodb.StreamViewType | None = None,
    ) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            construct_id,
            partition_key=_text(key),
            sort_key=_text(sort_key) if sort_key else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=self._config.protect_data,
            removal_policy=self._removal,
            stream=stream,
        )

    def _add_dead_letter_queue(self, construct_id: str) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            construct_id,
            retention_period=Duration.days(14),
            enforce_ssl=True,
            removal_policy=self._removal,
        )
        acknowledge(queue, "SQS3", "It is a dead-letter queue; a replay reads it.")
        return queue

    def _add_secret(self, provider: str, fields: tuple[str, ...]) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            f"{construct_name(provider)}Secret",
            secret_name=f"llm-orchestrator/{self._config.stage}/{provider}",
            description=f"Key of {provider}, as a JSON object of {' and '.join(fields)}.",
            removal_policy=self._removal,
        )
        # No value at all: CloudFormation makes "an empty secret", and "when you make a change to this
        # property, a new secret version is created" (its words on both), over the operator's key.
        cast(CfnResource, secret.node.default_child).add_property_deletion_override(
            "GenerateSecretString"
        )
        acknowledge(secret, "SMG4", "Providers offer no rotation; the operator replaces the key.")
        return secret


def _list_by_time(table: dynamodb.Table, index: TimeIndex, key: str, listed: Iterable[str]) -> None:
    """With an index, which holds of each item what is listed."""
    keys = {key, index.partition, index.time}
    table.add_global_secondary_index(
        index_name=index.name,
        partition_key=_text(index.partition),
        sort_key=_text(index.time),
        projection_type=dynamodb.ProjectionType.INCLUDE,
        non_key_attributes=[name for name in listed if name not in keys],
    )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
