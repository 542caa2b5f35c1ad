"""Saved queries of Logs Insights: upstream knows neither the actions nor the resource."""

from __future__ import annotations

import json
import time
from typing import Any

from ministack.core.responses import (
    AccountRegionScopedDict,
    error_response_json,
    json_response,
    new_uuid,
)
from ministack.services import cloudwatch_logs as logs
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]

_queries = AccountRegionScopedDict()
_handle_request = logs.handle_request


def put(request: dict[str, Any]) -> Any:
    """Create a query definition, or overwrite the one with the given id."""
    query_id = request.get("queryDefinitionId") or new_uuid()
    if request.get("queryDefinitionId") and query_id not in _queries:
        return error_response_json("ResourceNotFoundException", f"No query definition {query_id}")
    _queries[query_id] = {
        "queryDefinitionId": query_id,
        "name": request["name"],
        "queryString": request["queryString"],
        "queryLanguage": request.get("queryLanguage", "CWLI"),
        "logGroupNames": request.get("logGroupNames", []),
        "lastModified": int(time.time() * 1000),
    }
    return json_response({"queryDefinitionId": query_id})


def describe(request: dict[str, Any]) -> Any:
    """All definitions whose names start with the prefix, by name; never a second page."""
    prefix = request.get("queryDefinitionNamePrefix", "")
    found = [query for query in _queries.values() if query["name"].startswith(prefix)]
    return json_response({"queryDefinitions": sorted(found, key=lambda query: query["name"])})


def delete(request: dict[str, Any]) -> Any:
    """Delete a definition."""
    query_id = request.get("queryDefinitionId")
    if _queries.pop(query_id, None) is None:
        return error_response_json("ResourceNotFoundException", f"No query definition {query_id}")
    return json_response({"success": True})


_ACTIONS = {
    "PutQueryDefinition": put,
    "DescribeQueryDefinitions": describe,
    "DeleteQueryDefinition": delete,
}


async def _handle(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
    action = _ACTIONS.get(headers.get("x-amz-target", "").rpartition(".")[2])
    if action is None:
        return await _handle_request(method, path, headers, body, query)
    return action(json.loads(body or b"{}"))


def _create(_logical_id: str, props: Properties, _stack_name: str) -> Created:
    query_id = json.loads(put(_request(props))[2])["queryDefinitionId"]
    return query_id, {"QueryDefinitionId": query_id}


def _update(physical_id: str, _old: Properties, props: Properties, _stack_name: str) -> Created:
    put({**_request(props), "queryDefinitionId": physical_id})
    return physical_id, {"QueryDefinitionId": physical_id}


def _delete(physical_id: str, _props: Properties) -> None:
    delete({"queryDefinitionId": physical_id})


def _request(props: Properties) -> dict[str, Any]:
    return {
        "name": props["Name"],
        "queryString": props["QueryString"],
        "logGroupNames": props.get("LogGroupNames", []),
    }


def install() -> None:
    """Add the actions and the resource."""
    logs.handle_request = _handle
    provisioners._RESOURCE_HANDLERS["AWS::Logs::QueryDefinition"] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }
