"""One request on its way through the gateway, and what `$context` says about it."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Any

Exchange = dict[str, Any]
"""ministack's record of a request (api_id, stage_name, resource_path, path_params, headers,
query_params, request_id), with our extended_request_id, api_key_id, authorizer, usage_key, http_method,
path, trace_root and what the gateway's listeners are told added to it."""

current: ContextVar[Exchange] = ContextVar("current_exchange")


def parameters_of(exchange: Exchange) -> dict[str, dict[str, str]]:
    """The request's parameters as `$input.params()` groups them."""
    query = {name: values[-1] for name, values in exchange["query_params"].items() if values}
    return {
        "path": dict(exchange["path_params"]),
        "querystring": query,
        "header": dict(exchange["headers"]),
    }


def context_of(exchange: Exchange) -> dict[str, Any]:
    """`$context`. Templates write to its responseOverride."""
    return {
        "requestId": exchange["request_id"],
        "extendedRequestId": exchange["extended_request_id"],
        "apiId": exchange["api_id"],
        "stage": exchange["stage_name"],
        "resourcePath": exchange["resource_path"],
        "httpMethod": exchange.get("http_method", ""),
        "path": f"/{exchange['stage_name']}{exchange.get('path', '')}",
        "protocol": "HTTP/1.1",
        "xrayTraceId": exchange.get("trace_root", ""),
        "requestTimeEpoch": int(time.time() * 1000),
        "identity": {
            "apiKeyId": exchange.get("api_key_id", ""),
            "sourceIp": "127.0.0.1",
            "userAgent": exchange["headers"].get("user-agent", ""),
        },
        "authorizer": exchange.get("authorizer", {}),
        "responseOverride": {"header": {}},
    }
