"""The REST API: what asks a model goes straight into a state machine, all else to a function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from aws_cdk import Aws, Duration, Size
from aws_cdk import aws_apigateway as apigw
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from functions.shared.callers.usage_keys import plan_usage_key
from functions.shared.callers.usage_plans import REMEMBERED_S
from stacks.api.access_log import ACCESS_LOG_FORMAT, add_throttled_calls_filter
from stacks.api.gateway_responses import GATEWAY_RESPONSES
from stacks.api.mapping import JSON, STAGE_NAME
from stacks.api.operations import OPERATIONS
from stacks.api.routes import ROUTES, Credential, Route, Start
from stacks.api.start_integration import START, method_responses, start_integration
from stacks.compute.function_table import allow
from stacks.config import Plan, StageConfig
from stacks.log_groups import add_log_group
from stacks.security import acknowledge

_LOG_ROLE_FINDING = (
    "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
    "AmazonAPIGatewayPushToCloudWatchLogs]"
)
_KNOWN_FOR = Duration.seconds(REMEMBERED_S)
"""The gateway keeps what the authorizer said of a credential; a change that must not wait flushes it."""
_HEADERS: Mapping[Credential, str | None] = {
    "key": "X-API-Key",
    "bearer": "Authorization",
    "either": None,
}
_COMPRESSED_FROM_BYTES = 1024
_CORS_HEADERS = (
    *("X-API-Key", "Authorization", "Content-Type", "Idempotency-Key"),
    # OpenAI's client in a page sends these with every request.
    *("OpenAI-Organization", "OpenAI-Project"),
    *(
        f"x-stainless-{name}"
        for name in (
            *("arch", "lang", "os", "package-version", "runtime", "runtime-version"),
            *("retry-count", "timeout", "poll-helper", "helper-method", "custom-poll-interval"),
        )
    ),
)
_PREFLIGHT_KNOWN_FOR = Duration.hours(2)
"""As long as Chromium keeps it; others keep it longer."""
_TLS = "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"
"""TLS 1.2 or 1.3, forward secret; without a policy a regional API takes TLS 1.0, too."""

# What has no key has no plan, and must not take the functions that paid requests need.
_KEYLESS_REQUESTS_PER_SECOND = 10
_KEYLESS_BURST_REQUESTS = 20


class _Observed(TypedDict):
    metrics_enabled: bool
    logging_level: apigw.MethodLoggingLevel
    data_trace_enabled: bool


# A method's own settings replace the stage's as a whole, so that they say this again.
_OBSERVED: _Observed = {
    # Metrics by method cost 0.30 USD each a month; the API's and the stage's are free.
    "metrics_enabled": False,
    "logging_level": apigw.MethodLoggingLevel.ERROR,
    # Request and response bodies hold prompts: they never go to a log.
    "data_trace_enabled": False,
}


def plan_name(config: StageConfig, plan: str) -> str:
    """What a usage plan is called in the account."""
    return f"{config.service}-{plan}"


def _body_type(route: Route) -> str | None:
    """Of a body that has to be there: the gateway takes none for one that breaks its model."""
    operation = OPERATIONS.get(route.name)
    if operation is None or operation.body is None or operation.may_have_no_body:
        return None
    return str(operation.body.model_json_schema()["type"])


class Api(Construct):
    """Everything behind `/api/v1`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: StageConfig,
        machines: Mapping[str, sfn.IStateMachine],
        functions: Mapping[str, lambda_.IFunction],
    ) -> None:
        """By the names that the routes give them; a function that is not there loses its routes."""
        super().__init__(scope, construct_id)
        self._config = config
        self.rest_api = self._add_rest_api(
            [one for one in ROUTES if not one.needs_key and one.target in functions]
        )
        self._demand_tls_1_2()
        self._validator = self.rest_api.add_request_validator("Body", validate_request_body=True)
        self._bodies = self._add_bodies()
        self._authorizers = {
            credential: self._add_authorizer(functions["Authorize"], credential, header)
            for credential, header in _HEADERS.items()
        }
        self._add_start_routes(machines)
        self._add_function_routes(functions)
        if (origin := config.cors_allow_origin) is not None:
            self._add_preflights(origin)
        self._add_gateway_responses()
        self.plan_ids = {name: self._add_plan(name, plan) for name, plan in config.plans}
        functions["Admin"].add_to_role_policy(allow("apigateway:DELETE", self._verdicts_arn))

    @property
    def _verdicts_arn(self) -> str:
        """What the authorizers' verdicts are to the gateway's control plane."""
        path = f"/restapis/{self.rest_api.rest_api_id}/stages/{STAGE_NAME}/cache/authorizers"
        return f"arn:{Aws.PARTITION}:apigateway:{Aws.REGION}::{path}"

    def _add_rest_api(self, keyless: Iterable[Route]) -> apigw.RestApi:
        self.access_logs = add_log_group(self, "AccessLogs", self._config)
        add_throttled_calls_filter(self.access_logs)
        api = apigw.RestApi(
            self,
            "RestApi",
            rest_api_name=self._config.service,
            description="One API in front of every model",
            endpoint_types=[apigw.EndpointType.REGIONAL],
            min_compression_size=Size.bytes(_COMPRESSED_FROM_BYTES),
            deploy_options=apigw.StageOptions(
                stage_name=STAGE_NAME,
                tracing_enabled=True,
                access_log_destination=apigw.LogGroupLogDestination(self.access_logs),
                access_log_format=ACCESS_LOG_FORMAT,
                method_options={
                    f"/{route.path}/{route.verb}": apigw.MethodDeploymentOptions(
                        throttling_rate_limit=_KEYLESS_REQUESTS_PER_SECOND,
                        throttling_burst_limit=_KEYLESS_BURST_REQUESTS,
                        **_OBSERVED,
                    )
                    for route in keyless
                },
                **_OBSERVED,
            ),
            api_key_source_type=apigw.ApiKeySourceType.AUTHORIZER,
            cloud_watch_role=True,
        )
        # The gateway would create this group itself, and keep its events for ever.
        execution_logs = add_log_group(
            self,
            "ExecutionLogs",
            self._config,
            f"API-Gateway-Execution-Logs_{api.rest_api_id}/{STAGE_NAME}",
        )
        api.deployment_stage.node.add_dependency(execution_logs)
        acknowledge(api, _LOG_ROLE_FINDING, "AWS's policy for the gateway's logging, account-wide.")
        acknowledge(api, "APIG2", "Every method with a body has a validator of its own.")
        acknowledge(api, "APIG4", "Every method but those without a key has an authorizer.")
        acknowledge(
            api, "COG4", "Callers are applications; a pool's tokens go to the same authorizer."
        )
        acknowledge(
            api.deployment_stage,
            "APIG3",
            "Keys and a usage plan limit callers; a WAF is the account owner's choice and cost.",
        )
        return api

    def _demand_tls_1_2(self) -> None:
        resource = self.rest_api.node.default_child
        if isinstance(resource, apigw.CfnRestApi):
            resource.security_policy = _TLS
            # A policy of this kind needs a mode; the other one compares hosts with certificates.
            resource.endpoint_access_mode = "BASIC"

    def _add_authorizer(
        self, function: lambda_.IFunction, credential: Credential, header: str | None
    ) -> apigw.RequestAuthorizer:
        """One per header: without one that it names the gateway refuses, and asks nobody. The one that names
        none is asked each time."""
        sources = [apigw.IdentitySource.header(header)] if header else []
        authorizer = apigw.RequestAuthorizer(
            self,
            f"{credential.title()}Authorizer",
            handler=function,
            identity_sources=sources,
            results_cache_ttl=_KNOWN_FOR if sources else Duration.seconds(0),
        )
        resource = authorizer.node.default_child
        if isinstance(resource, apigw.CfnAuthorizer) and not sources:
            # An empty text would name a header without a name.
            resource.identity_source = None
        return authorizer

    def _add_bodies(self) -> dict[str, apigw.IModel]:
        """By the JSON type that the document says the bodies have."""
        types = dict.fromkeys(filter(None, map(_body_type, ROUTES)))
        return {type_: self._add_model(type_) for type_ in types}

    def _add_model(self, type_: str) -> apigw.IModel:
        """More than the type the gateway need not know: the engine says better what is wrong."""
        name = f"{type_.title()}Body"
        schema = {"$schema": "http://json-schema.org/draft-04/schema#", "type": type_}
        model = apigw.CfnModel(
            self,
            name,
            rest_api_id=self.rest_api.rest_api_id,
            content_type=JSON,
            name=name,
            schema=schema,
        )
        if (deployment := self.rest_api.latest_deployment) is not None:
            # A deployment is a snapshot: a changed schema needs a new one.
            deployment.add_to_logical_id({name: schema})
            deployment.node.add_dependency(model)
        return apigw.Model.from_model_name(self, f"{name}Model", model.ref)

    def _add_start_routes(self, machines: Mapping[str, sfn.IStateMachine]) -> None:
        role = iam.Role(
            self,
            "StartRole",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            description="Lets the gateway start executions",
        )
        for route in ROUTES:
            if isinstance(start := route.target, Start):
                machine = machines[start.machine]
                role.add_to_policy(allow(f"states:{START}", machine.state_machine_arn))
                origin = self._config.cors_allow_origin
                integration = start_integration(start, machine, role, origin)
                self._add_route(route, integration, method_responses(start, origin))

    def _add_function_routes(self, functions: Mapping[str, lambda_.IFunction]) -> None:
        for route in ROUTES:
            if isinstance(route.target, str) and (function := functions.get(route.target)):
                integration = apigw.LambdaIntegration(function, allow_test_invoke=False)
                self._add_route(route, integration)

    def _add_route(
        self,
        route: Route,
        integration: apigw.Integration,
        responses: list[apigw.MethodResponse] | None = None,
    ) -> None:
        body_type = _body_type(route)
        self.rest_api.root.resource_for_path(route.path).add_method(
            route.verb,
            integration,
            api_key_required=route.needs_key,
            authorizer=self._authorizers[route.credential] if route.needs_key else None,
            request_models={JSON: self._bodies[body_type]} if body_type else None,
            request_validator=self._validator if body_type else None,
            method_responses=responses,
        )

    def _add_preflights(self, origin: str) -> None:
        """What browsers ask before a page's request, without a key. The gateway answers by itself, so that no
        plan and no rate of their own has to keep them from what paid requests need."""
        verbs: dict[str, list[str]] = {}
        for route in ROUTES:
            if route.is_of_api:
                verbs.setdefault(route.path, []).append(route.verb)
        for path, allowed in verbs.items():
            self.rest_api.root.resource_for_path(path).add_cors_preflight(
                allow_origins=[origin],
                allow_methods=allowed,
                allow_headers=list(_CORS_HEADERS),
                max_age=_PREFLIGHT_KNOWN_FOR,
            )

    def _add_gateway_responses(self) -> None:
        for response in GATEWAY_RESPONSES:
            self.rest_api.add_gateway_response(
                response.type.response_type.title().replace("_", ""),
                type=response.type,
                status_code=response.status_code,
                response_headers=response.headers(self._config.cors_allow_origin),
                templates={JSON: response.template},
            )

    def _add_plan(self, name: str, plan: Plan) -> str:
        usage_plan = self.rest_api.add_usage_plan(
            f"{name.title()}Plan",
            name=plan_name(self._config, name),
            api_stages=[
                apigw.UsagePlanPerApiStage(api=self.rest_api, stage=self.rest_api.deployment_stage)
            ],
            throttle=apigw.ThrottleSettings(
                rate_limit=plan.requests_per_second, burst_limit=plan.burst_requests
            ),
            quota=apigw.QuotaSettings(limit=plan.requests_per_day, period=apigw.Period.DAY),
        )
        # Nobody signs in with it: the authorizer names it for callers without a usage key of their own.
        shared = self.rest_api.add_api_key(
            f"{name.title()}Callers", value=plan_usage_key(self._config.service, name)
        )
        usage_plan.add_api_key(shared)
        return usage_plan.usage_plan_id
