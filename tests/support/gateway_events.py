"""What the gateway sends to the functions behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from functions.shared.caller import Caller

OPERATOR_ID = "key-9"

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass
class LambdaStub:
    function_name: str = "api"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:api"
    aws_request_id: str = "1"


def output_of(handler: Handler, event: dict[str, Any]) -> dict[str, Any]:
    """What the next state gets of this one."""
    return json.loads(json.dumps(handler(event, LambdaStub())))


def answered(
    handler: Handler,
    method: str,
    path: str,
    body: str | None = None,
    *,
    content_type: str | None = "application/json",
    caller_id: str = "key-1",
    caller: Caller | None = None,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """What a function answers a request with."""
    known = caller or Caller(plan="operator" if caller_id == OPERATOR_ID else "standard")
    event = {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": ({"Content-Type": content_type} if content_type else {}) | (headers or {}),
        "multiValueHeaders": {},
        "queryStringParameters": query,
        "pathParameters": None,
        "requestContext": {
            "apiId": "a1",
            "extendedRequestId": "1-2-3=",
            "authorizer": {"caller_id": caller_id, "caller": known.model_dump_json()},
        },
        "body": body,
        "isBase64Encoded": False,
    }
    return handler(event, LambdaStub())


def ask(handler: Handler, method: str, *asked: Any, **options: Any) -> tuple[int, dict[str, Any]]:
    """The status and the body of the answer."""
    response = answered(handler, method, *asked, **options)
    return response["statusCode"], json.loads(response["body"])
