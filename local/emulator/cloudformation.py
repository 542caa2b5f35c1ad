"""CloudFormation: request validators, which no method refers to; access logs and paths of stages."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import apigateway_v1 as gateway
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]

_create_method = provisioners._apigw_method_create
_create_bare_stage = provisioners._apigw_stage_create
_update_bare_stage = provisioners._apigw_stage_update


def _create_validator(_logical_id: str, props: Properties, _stack_name: str) -> Created:
    flags = {
        "name": props.get("Name", ""),
        "validateRequestBody": _is_true(props.get("ValidateRequestBody")),
        "validateRequestParameters": _is_true(props.get("ValidateRequestParameters")),
    }
    _status, _headers, body = gateway._create_request_validator(props["RestApiId"], flags)
    validator_id = json.loads(body)["id"]
    return validator_id, {"RequestValidatorId": validator_id}


def _update_validator(
    physical_id: str, _old_props: Properties, props: Properties, _stack_name: str
) -> Created:
    validator = gateway._request_validators[props["RestApiId"]][physical_id]
    validator["validateRequestBody"] = _is_true(props.get("ValidateRequestBody"))
    validator["validateRequestParameters"] = _is_true(props.get("ValidateRequestParameters"))
    return physical_id, {"RequestValidatorId": physical_id}


def _delete_validator(physical_id: str, props: Properties) -> None:
    gateway._delete_request_validator(props["RestApiId"], physical_id)


def _create_validated_method(logical_id: str, props: Properties, stack_name: str) -> Created:
    created: Created = _create_method(logical_id, props, stack_name)
    resource = gateway._resources[props["RestApiId"]][props["ResourceId"]]
    method = resource["resourceMethods"][props.get("HttpMethod", "ANY")]
    method["requestValidatorId"] = props.get("RequestValidatorId")
    return created


def _create_stage(logical_id: str, props: Properties, stack_name: str) -> Created:
    created: Created = _create_bare_stage(logical_id, _with_plain_paths(props), stack_name)
    _set_access_log(props)
    return created


def _update_stage(
    physical_id: str, old_props: Properties, props: Properties, stack_name: str
) -> Created:
    old, new = _with_plain_paths(old_props), _with_plain_paths(props)
    updated: Created = _update_bare_stage(physical_id, old, new, stack_name)
    _set_access_log(props)
    return updated


def _with_plain_paths(props: Properties) -> Properties:
    """A template writes a method's path as /~1v1~1health; upstream looks for it unescaped.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-apigateway-stage-methodsetting.html
    """
    settings = [
        {**one, "ResourcePath": one["ResourcePath"].replace("/~1", "/").replace("~1", "/")}
        for one in props.get("MethodSettings") or []
    ]
    return {**props, "MethodSettings": settings}


def _set_access_log(props: Properties) -> None:
    """Upstream drops a stage's AccessLogSetting."""
    setting = props.get("AccessLogSetting") or {}
    names = {"DestinationArn": "destinationArn", "Format": "format"}
    stage = gateway._stages_v1[props["RestApiId"]][props["StageName"]]
    stage["accessLogSettings"] = {
        names[name]: value for name, value in setting.items() if name in names
    }


def _is_true(value: object) -> bool:
    return value is True or value == "true"


def install() -> None:
    """Replace ministack's handlers."""
    # An update of a method calls its create by name, a creation goes through the table.
    provisioners._apigw_method_create = _create_validated_method
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::ApiGateway::Method"]["create"] = _create_validated_method
    handlers["AWS::ApiGateway::Stage"] |= {"create": _create_stage, "update": _update_stage}
    handlers["AWS::ApiGateway::RequestValidator"] = {
        "create": _create_validator,
        "update": _update_validator,
        "delete": _delete_validator,
    }
