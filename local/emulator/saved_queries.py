"""Saved queries of Logs Insights: upstream knows neither the resource nor how to list them."""

from __future__ import annotations

import json
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, json_response, new_uuid
from ministack.services import cloudwatch_logs as logs
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]

_queries = AccountRegionScopedDict()
_handle_request = logs.handle_request


def _described(request: dict[str, Any]) -> Any:
    """All definitions whose names start with the prefix, by name; never a second page."""
    prefix = request.get("queryDefinitionNamePrefix", "")
    found = [query for query in _queries.values() if query["name"].startswith(prefix)]
    return json_response({"queryDefinitions": sorted(found, key=lambda query: query["name"])})


async def _handle(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
    if headers.get("x-amz-target", "").endswith(".DescribeQueryDefinitions"):
        return _described(json.loads(body or b"{}"))
    return await _handle_request(method, path, headers, body, query)


def _create(_logical_id: str, props: Properties, _stack_name: str) -> Created:
    return _update(new_uuid(), {}, props, _stack_name)


def _update(physical_id: str, _old: Properties, props: Properties, _stack_name: str) -> Created:
    _queries[physical_id] = {
        "queryDefinitionId": physical_id,
        "name": props["Name"],
        "queryString": props["QueryString"],
        "logGroupNames": props.get("LogGroupNames", []),
    }
    return physical_id, {"QueryDefinitionId": physical_id}


def _delete(physical_id: str, _props: Properties) -> None:
    _queries.pop(physical_id, None)


def install() -> None:
    """Add the resource and the list."""
    logs.handle_request = _handle
    provisioners._RESOURCE_HANDLERS["AWS::Logs::QueryDefinition"] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }
