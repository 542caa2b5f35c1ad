"""The REST API: what asks a model goes straight into a state machine, all else to a function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_apigateway as apigw
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.api.access_log import ACCESS_LOG_FORMAT, add_throttled_calls_filter
from stacks.api.gateway_responses import GATEWAY_RESPONSES
from stacks.api.job_schema import request_schema
from stacks.api.mapping import JSON, STAGE_NAME
from stacks.api.start_integration import StartIntegration
from stacks.compute.function_table import allow
from stacks.compute.machines import Machines
from stacks.config import Plan, StageConfig
from stacks.log_groups import add_log_group
from stacks.monitoring.metric_catalog import service_of
from stacks.security import acknowledge

_LOG_ROLE_FINDING = (
    "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
    "AmazonAPIGatewayPushToCloudWatchLogs]"
)


@dataclass(frozen=True)
class FunctionRoute:
    """A path under the stage's that a function answers."""

    verb: str
    path: str
    function: str
    needs_key: bool = True


_FUNCTION_ROUTES = (
    FunctionRoute("GET", "v1/jobs/{execution_id}", "Api"),
    FunctionRoute("DELETE", "v1/jobs/{execution_id}", "Api"),
    FunctionRoute("GET", "v1/requests/{request_id}", "Api"),
    FunctionRoute("POST", "v1/requests/{request_id}/feedback", "Api"),
    FunctionRoute("POST", "v1/route", "Route"),
    FunctionRoute("GET", "v1/models", "Api"),
    FunctionRoute("GET", "v1/models/{model_id}", "Api"),
    FunctionRoute("GET", "v1/health", "Api", needs_key=False),
    FunctionRoute("GET", "v1/metrics/summary", "Metrics"),
    FunctionRoute("GET", "v1/metrics/models/{model_id}", "Metrics"),
    FunctionRoute("GET", "v1/metrics/providers", "Metrics"),
    FunctionRoute("GET", "v1/metrics/costs", "Metrics"),
    FunctionRoute("GET", "v1/metrics/logs", "Metrics"),
    FunctionRoute("GET", "v1/metrics/realtime", "Metrics"),
    # The page and its files hold no data: what it shows it asks for with the key typed into it.
    FunctionRoute("GET", "console", "Console", needs_key=False),
    FunctionRoute("GET", "console/{file}", "Console", needs_key=False),
)
_ANY_OBJECT = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"}


def plan_name(stage: str, plan: str) -> str:
    """What a usage plan is called in the account."""
    return f"{service_of(stage)}-{plan}"


class Api(Construct):
    """Everything behind `/api/v1`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: StageConfig,
        machines: Machines,
        functions: Mapping[str, lambda_.IFunction],
    ) -> None:
        """`functions` by the names of their table; routes to one that is not there are left out."""
        super().__init__(scope, construct_id)
        self._config = config
        self.rest_api = self._add_rest_api()
        self._validator = self.rest_api.add_request_validator("Body", validate_request_body=True)
        self._role = self._add_role(machines)
        # More than that the gateway need not know: the engine says better what is wrong.
        self._any_object = self._add_model("ObjectBody", _ANY_OBJECT)
        self._add_start_routes(machines)
        self._add_function_routes(functions)
        self._add_gateway_responses()
        self.standard_keys = self._add_plan("standard", config.plans.standard, config.api_keys)
        self.operator_keys = self._add_plan(
            "operator", config.plans.operator, config.operator_api_keys
        )

    def _add_rest_api(self) -> apigw.RestApi:
        self.access_logs = add_log_group(self, "AccessLogs", self._config)
        add_throttled_calls_filter(self.access_logs)
        api = apigw.RestApi(
            self,
            "RestApi",
            rest_api_name=service_of(self._config.stage),
            description="One API in front of every model",
            endpoint_types=[apigw.EndpointType.REGIONAL],
            deploy_options=apigw.StageOptions(
                stage_name=STAGE_NAME,
                tracing_enabled=True,
                metrics_enabled=True,
                logging_level=apigw.MethodLoggingLevel.ERROR,
                # Request and response bodies hold prompts: they never go to a log.
                data_trace_enabled=False,
                access_log_destination=apigw.LogGroupLogDestination(self.access_logs),
                access_log_format=ACCESS_LOG_FORMAT,
            ),
            api_key_source_type=apigw.ApiKeySourceType.HEADER,
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
        acknowledge(api, "APIG4", "Callers authenticate by API key, as the contract says.")
        acknowledge(api, "COG4", "Callers are applications with API keys, not users of a pool.")
        acknowledge(
            api.deployment_stage,
            "APIG3",
            "Keys and a usage plan limit callers; a WAF is the account owner's choice and cost.",
        )
        return api

    def _add_role(self, machines: Machines) -> iam.Role:
        role = iam.Role(
            self,
            "StartRole",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            description="Lets the gateway start executions",
        )
        role.add_to_policy(allow("states:StartSyncExecution", machines.generate.state_machine_arn))
        role.add_to_policy(allow("states:StartExecution", machines.jobs.state_machine_arn))
        return role

    def _resource(self, path: str) -> apigw.Resource:
        return self.rest_api.root.resource_for_path(path)

    def _add_start_routes(self, machines: Machines) -> None:
        self._add_start(
            self._resource("v1/generate"),
            StartIntegration("generate", "StartSyncExecution", "200", machines.generate),
            self._any_object,
        )
        self._add_start(
            self._resource("v1/jobs"),
            StartIntegration("jobs", "StartExecution", "202", machines.jobs),
            self._add_model("JobsBody", request_schema()),
        )

    def _add_function_routes(self, functions: Mapping[str, lambda_.IFunction]) -> None:
        integrations = {
            name: apigw.LambdaIntegration(function, allow_test_invoke=False)
            for name, function in functions.items()
        }
        for route in _FUNCTION_ROUTES:
            if route.function in integrations:
                has_body = route.verb == "POST"
                self._resource(route.path).add_method(
                    route.verb,
                    integrations[route.function],
                    api_key_required=route.needs_key,
                    request_models={JSON: self._any_object} if has_body else None,
                    request_validator=self._validator if has_body else None,
                )

    def _add_start(
        self, resource: apigw.Resource, start: StartIntegration, model: apigw.IModel
    ) -> None:
        resource.add_method(
            "POST",
            start.integration(self._role),
            api_key_required=True,
            request_models={JSON: model},
            request_validator=self._validator,
            method_responses=start.method_responses,
        )

    def _add_model(self, name: str, schema: dict[str, Any]) -> apigw.IModel:
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

    def _add_gateway_responses(self) -> None:
        for response in GATEWAY_RESPONSES:
            self.rest_api.add_gateway_response(
                response.type.response_type.title().replace("_", ""),
                type=response.type,
                status_code=response.status_code,
                response_headers=response.headers,
                templates={JSON: response.template},
            )

    def _add_plan(self, name: str, plan: Plan, values: tuple[str, ...]) -> list[apigw.IApiKey]:
        usage_plan = self.rest_api.add_usage_plan(
            f"{name.title()}Plan",
            name=plan_name(self._config.stage, name),
            api_stages=[
                apigw.UsagePlanPerApiStage(api=self.rest_api, stage=self.rest_api.deployment_stage)
            ],
            throttle=apigw.ThrottleSettings(
                rate_limit=plan.requests_per_second, burst_limit=plan.burst_requests
            ),
            quota=apigw.QuotaSettings(limit=plan.requests_per_day, period=apigw.Period.DAY),
        )
        # AWS chooses the values that are not given.
        given: tuple[str | None, ...] = values or (None,) * plan.keys
        keys = [
            self.rest_api.add_api_key(f"{name.title()}Key{number}", value=value)
            for number, value in enumerate(given, start=1)
        ]
        for key in keys:
            usage_plan.add_api_key(key)
        return keys
