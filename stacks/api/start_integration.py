"""The gateway's direct line to Step Functions: a POST becomes an execution, without a Lambda."""

from __future__ import annotations

from aws_cdk import aws_apigateway as apigw
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn

from functions.shared.gateway.response_headers import json_headers
from stacks.api.mapping import JSON, mapping_template
from stacks.api.routes import Start

START = "StartSyncExecution"
# Which of Step Functions' statuses gets which template. Patterns must not overlap.
_REFUSALS = (
    ("413", "413", "start_too_large"),
    (r"4(?!13)\d{2}", "400", "start_refused"),
    (r"5\d{2}", "500", "start_failed"),
)


def start_integration(
    start: Start, machine: sfn.IStateMachine, role: iam.IRole, cors_allow_origin: str | None
) -> apigw.AwsIntegration:
    """Build the integration; `role` is what the gateway calls Step Functions as."""
    headers, arn = _headers(cors_allow_origin), machine.state_machine_arn
    request = mapping_template("start_request", machine_arn=arn, mode=start.mode)
    return apigw.AwsIntegration(
        service="states",
        action=START,
        options=apigw.IntegrationOptions(
            credentials_role=role,
            # Anything but JSON is 415 instead of an execution with a raw body.
            passthrough_behavior=apigw.PassthroughBehavior.NEVER,
            request_templates={JSON: request},
            integration_responses=[
                _response(headers, start.status, "start_response"),
                *(_response(headers, status, name, pattern) for pattern, status, name in _REFUSALS),
            ],
        ),
    )


def method_responses(start: Start, cors_allow_origin: str | None) -> list[apigw.MethodResponse]:
    """Every status and header that an integration response names must be declared on the method."""
    declared = dict.fromkeys(_headers(cors_allow_origin), True)
    statuses = (start.status, *(status for _, status, _ in _REFUSALS))
    return [
        apigw.MethodResponse(status_code=status, response_parameters=declared)
        for status in statuses
    ]


def _headers(cors_allow_origin: str | None) -> dict[str, str]:
    """A static value is quoted:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html"""
    common = json_headers(cors_allow_origin)
    return {f"method.response.header.{name}": f"'{value}'" for name, value in common.items()}


def _response(
    headers: dict[str, str], status: str, template: str, pattern: str | None = None
) -> apigw.IntegrationResponse:
    return apigw.IntegrationResponse(
        status_code=status,
        selection_pattern=pattern,
        response_parameters=headers,
        response_templates={JSON: mapping_template(template)},
    )
