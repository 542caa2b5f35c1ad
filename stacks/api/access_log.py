"""One line per request in the gateway's access log: who, what, how long; never what was said."""

from __future__ import annotations

import json

from aws_cdk import aws_apigateway as apigw
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs

from functions.shared.telemetry.series import NAMESPACE, RATE_LIMITED

_FIELD = apigw.AccessLogField

ACCESS_LOG_FORMAT = apigw.AccessLogFormat.custom(
    json.dumps(
        {
            # As the gateway writes it: the id of the row is this without any `=`, `+` and `/`.
            "request_id": f"req_{_FIELD.context_extended_request_id()}",
            "trace_id": _FIELD.context_xray_trace_id(),
            "caller_id": _FIELD.context_authorizer("caller_id"),
            "caller": _FIELD.context_authorizer("name"),
            "method": _FIELD.context_http_method(),
            "resource": _FIELD.context_resource_path(),
            "status": _FIELD.context_status(),
            "latency_ms": _FIELD.context_response_latency(),
            "integration_latency_ms": _FIELD.context_integration_latency(),
            "response_bytes": _FIELD.context_response_length(),
            "error_type": _FIELD.context_error_response_type(),
        }
    )
)


def add_throttled_calls_filter(log_group: logs.LogGroup) -> None:
    """Count the calls that the gateway itself throttled, which reach nothing that could count them."""
    logs.MetricFilter(
        log_group,
        "ThrottledCalls",
        log_group=log_group,
        # The status is text, as the format quotes it: a gateway without one would break the JSON.
        filter_pattern=logs.FilterPattern.string_value("$.status", "=", "429"),
        metric_namespace=NAMESPACE,
        metric_name=RATE_LIMITED,
        metric_value="1",
        default_value=0,
        unit=cloudwatch.Unit.COUNT,
    )
