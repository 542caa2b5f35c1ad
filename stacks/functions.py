"""Builds the functions of the table: a role, a log group and the layers for each."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Duration, IgnoreMode
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.config import StageConfig
from stacks.function_table import FunctionSpec
from stacks.layers import ARCHITECTURE, LAYER_NAMES, layer_directory
from stacks.log_groups import add_log_group
from stacks.security import acknowledge

ROOT = Path(__file__).parent.parent
RUNTIME = lambda_.Runtime.PYTHON_3_13
# The order is the meaning: the last pattern that matches a file decides.
CODE_PATTERNS = [
    "**",
    "**/.*",
    "**/.*/**",
    "!functions",
    "!functions/**",
    "functions/layers",
    "functions/layers/**",
    "**/__pycache__",
    "**/__pycache__/**",
]


class Functions(Construct):
    """All functions of one stack, on one code asset and one set of layers."""

    def __init__(self, scope: Construct, construct_id: str, *, config: StageConfig) -> None:
        super().__init__(scope, construct_id)
        self._config = config
        self._code = lambda_.Code.from_asset(
            str(ROOT), exclude=CODE_PATTERNS, ignore_mode=IgnoreMode.GLOB
        )
        self._layers = {name: self._add_layer(name) for name in LAYER_NAMES}

    def add(self, spec: FunctionSpec) -> lambda_.Function:
        """Create the function of `spec` and all that belongs to it."""
        log_group = add_log_group(self, f"{spec.name}Logs", self._config)
        role = self._add_role(spec)
        log_group.grant_write(role)
        function = lambda_.Function(
            self,
            spec.name,
            code=self._code,
            handler=spec.handler,
            runtime=RUNTIME,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=spec.memory_mb,
            timeout=Duration.seconds(spec.timeout_s),
            environment=self._common_environment() | dict(spec.environment),
            layers=[self._layers[name] for name in spec.layers],
            role=role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=self._application_log_level(),
            # START and REPORT lines cost money and say what the metrics say.
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            tracing=lambda_.Tracing.ACTIVE,
            reserved_concurrent_executions=spec.reserved_concurrency,
        )
        acknowledge(
            function, "L1", "3.13 is what the layers and their bytecode are built and tested for."
        )
        return function

    def _add_role(self, spec: FunctionSpec) -> iam.Role:
        role = iam.Role(
            self,
            f"{spec.name}Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What the function {spec.name} may do",
        )
        for statement in spec.grants:
            role.add_to_policy(statement)
        acknowledge(role, "IAM5[Resource::*]", "X-Ray's write actions know no resource to name.")
        return role

    def _add_layer(self, name: str) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            f"{name.title()}Layer",
            code=lambda_.Code.from_asset(str(layer_directory(name, self._config.layers))),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[lambda_.Architecture.ARM_64],
            description=f"Third-party packages: {name} ({ARCHITECTURE})",
        )

    def _application_log_level(self) -> lambda_.ApplicationLogLevel:
        """Lambda's own filter stays at INFO where loggers are quieter, or it would drop metrics."""
        debug = self._config.log_level == "DEBUG"
        return lambda_.ApplicationLogLevel.DEBUG if debug else lambda_.ApplicationLogLevel.INFO

    def _common_environment(self) -> dict[str, str]:
        return {
            "POWERTOOLS_SERVICE_NAME": "llm-orchestrator",
            "POWERTOOLS_METRICS_NAMESPACE": "LlmOrchestrator",
            "STAGE": self._config.stage,
            "LOG_LEVEL": self._config.log_level,
        }
