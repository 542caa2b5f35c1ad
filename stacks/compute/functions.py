"""Builds the functions of the table: a role, a log group and the layers for each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from aws_cdk import Duration, IgnoreMode, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from functions.shared.telemetry.series import NAMESPACE
from stacks.api.routes import ROUTES
from stacks.compute.code_folder import code_folder
from stacks.compute.function_table import FunctionSpec, allow
from stacks.compute.layers import LAYERS, Architecture, Layer, layer_directory
from stacks.config import StageConfig
from stacks.log_groups import add_log_group
from stacks.monitoring.monitored_resources import MonitoredFunction
from stacks.security import acknowledge

RUNTIME = lambda_.Runtime.PYTHON_3_13
ALIAS = "live"
_PUBLISHED_VERSIONS = lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS
_ARCHITECTURES: dict[Architecture, lambda_.Architecture] = {
    "arm64": lambda_.Architecture.ARM_64,
    "x86_64": lambda_.Architecture.X86_64,
}
# The order is the meaning: the last pattern that matches a file decides.
CODE_PATTERNS = [
    "**",
    "**/.*",
    "**/.*/**",
    "!functions",
    "!functions/**",
    "functions/layers",
    "functions/layers/**",
    # What pages are made of; their functions get what is made of it.
    "functions/*/static",
    "functions/*/static/**",
    "**/__pycache__",
    "**/__pycache__/**",
]


class Functions(Construct):
    """All functions of one stack, on one code asset and one set of layers."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: StageConfig,
        specs: Iterable[FunctionSpec],
    ) -> None:
        super().__init__(scope, construct_id)
        self.monitored: dict[str, MonitoredFunction] = {}
        self._config = config
        self._layers = {layer: self._add_layer(layer) for layer in LAYERS}
        self.by_name: dict[str, lambda_.IFunction] = {}
        """What is to be called, which may be an alias."""
        listed = list(specs)
        extra_files = [name for spec in listed for name in spec.extra_files]
        with code_folder(config, extra_files) as folder:
            code = _code_in(folder)
            for spec in listed:
                own = _code_in(folder, spec.extra_files) if spec.extra_files else code
                self.by_name[spec.name] = self._add(spec, own)

    def _add(self, spec: FunctionSpec, code: lambda_.AssetCode) -> lambda_.IFunction:
        log_group = add_log_group(self, f"{spec.name}Logs", self._config)
        function = self._add_function(spec, code, log_group)
        self.monitored[spec.name] = MonitoredFunction(function, log_group, spec.on_path)
        acknowledge(
            function, "L1", "3.13 is what the layers and their bytecode are built and tested for."
        )
        if not spec.snap_start:
            return function
        # A snapshot belongs to a published version. The alias follows the newest one, and the one
        # before is deleted with its snapshot, which costs money as long as it exists.
        return lambda_.Alias(
            self, f"{spec.name}Live", alias_name=ALIAS, version=function.current_version
        )

    def _add_function(
        self, spec: FunctionSpec, code: lambda_.AssetCode, log_group: logs.LogGroup
    ) -> lambda_.Function:
        role = self._add_role(spec)
        log_group.grant_write(role)
        return lambda_.Function(
            self,
            spec.name,
            code=code,
            handler=spec.handler,
            runtime=RUNTIME,
            architecture=_ARCHITECTURES[spec.architecture],
            memory_size=spec.memory_mb,
            timeout=Duration.seconds(spec.timeout_s),
            environment=self._common_environment()
            | self._answering(spec)
            | dict(spec.environment)
            | self._called(spec),
            layers=[self._layers[layer] for layer in spec.layers],
            role=role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=self._application_log_level(),
            # START and REPORT lines cost money and say what the metrics say.
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            tracing=lambda_.Tracing.ACTIVE if spec.is_traced else lambda_.Tracing.DISABLED,
            dead_letter_queue=spec.dead_letters,
            reserved_concurrent_executions=spec.reserved_concurrency,
            snap_start=_PUBLISHED_VERSIONS if spec.snap_start else None,
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.DESTROY),
        )

    def _add_role(self, spec: FunctionSpec) -> iam.Role:
        role = iam.Role(
            self,
            f"{spec.name}Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What the function {spec.name} may do",
        )
        for statement in spec.grants:
            role.add_to_policy(statement)
        if spec.calls:
            role.add_to_policy(allow("lambda:InvokeFunction", *self._called(spec).values()))
        reason = "X-Ray's write actions know no resource to name."
        tracing = {"*": reason} if spec.is_traced else {}
        for resource, reason in (tracing | dict(spec.wildcards)).items():
            acknowledge(role, f"IAM5[Resource::{resource}]", reason)
        return role

    def _called(self, spec: FunctionSpec) -> dict[str, str]:
        """Lambda takes a function's ARN for its name."""
        return {variable: self.by_name[name].function_arn for variable, name in spec.calls.items()}

    def _add_layer(self, layer: Layer) -> lambda_.LayerVersion:
        processor = "" if layer.architecture == "arm64" else "X86"  # the exception is named
        return lambda_.LayerVersion(
            self,
            f"{layer.name.title()}Layer{processor}",
            code=lambda_.Code.from_asset(str(layer_directory(layer, self._config.layers))),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[_ARCHITECTURES[layer.architecture]],
            description=f"Third-party packages: {layer.name} ({layer.architecture})",
        )

    def _application_log_level(self) -> lambda_.ApplicationLogLevel:
        """Lambda's own filter stays at INFO where loggers are quieter, or it would drop metrics."""
        debug = self._config.log_level == "DEBUG"
        return lambda_.ApplicationLogLevel.DEBUG if debug else lambda_.ApplicationLogLevel.INFO

    def _answering(self, spec: FunctionSpec) -> dict[str, str]:
        """What those are told that answer the gateway."""
        origin = self._config.cors_allow_origin
        answers = any(route.target == spec.name for route in ROUTES if route.is_of_api)
        return {"CORS_ALLOW_ORIGIN": origin} if origin and answers else {}

    def _common_environment(self) -> dict[str, str]:
        return {
            "POWERTOOLS_SERVICE_NAME": self._config.service,
            "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
            "STAGE": self._config.stage,
            "LOG_LEVEL": self._config.log_level,
        }


def _code_in(folder: Path, extra_files: Iterable[str] = ()) -> lambda_.AssetCode:
    """The code asset, with more files of the project."""
    # A folder has to be let in before what lies in it.
    paths = [
        path for name in extra_files for path in (*reversed(list(Path(name).parents)[:-1]), name)
    ]
    return lambda_.Code.from_asset(
        str(folder),
        exclude=[*CODE_PATTERNS, *(f"!{path}" for path in paths)],
        ignore_mode=IgnoreMode.GLOB,
    )
