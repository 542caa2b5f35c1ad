"""CloudFormation: request validators, which upstream creates as a bare id and no method refers to."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import apigateway_v1 as gateway
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]

_create_method = provisioners._apigw_method_create


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


def _is_true(value: object) -> bool:
    return value is True or value == "true"


def install() -> None:
    """Replace ministack's handlers."""
    # An update of a method calls its create by name, a creation goes through the table.
    provisioners._apigw_method_create = _create_validated_method
    provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::Method"]["create"] = _create_validated_method
    provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RequestValidator"] = {
        "create": _create_validator,
        "update": _update_validator,
        "delete": _delete_validator,
    }
