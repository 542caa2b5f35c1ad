"""What functions are called with, as their events really were: those of a request, taken down on its way."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from bench.engine import Engine, authorizer_event, execution_input
from bench.local_aws import KEY
from bench.request_path import RequestPath

Events = dict[str, Any]
"""By function, of one request."""
_NUMBERS = count()
_REQUEST_ID = "request_id"


def events_of(engine: Engine, request: Mapping[str, Any]) -> Events:
    """What each state of a request is handed, in its order."""
    taken: Events = {}

    def noting(name: str) -> Callable[[Any], Any]:
        def called(event: Any) -> Any:
            taken[name] = event
            return engine.chains[0][name](event)

        return called

    told = engine.beside["Authorize"](authorizer_event(KEY))["context"]
    RequestPath({name: noting(name) for name in engine.chains[0]}).run(
        execution_input(request, told)
    )
    return taken


def anew(event: Any, request_id: str) -> Any:
    """The same event, of another request: one that was recorded before leaves nothing."""
    new = f"req_again_{next(_NUMBERS):030}"
    return json.loads(json.dumps(event).replace(request_id, new))


def request_id_of(events: Events) -> str:
    return str(events["Classify"][_REQUEST_ID])


def gateway_event(method: str, path: str, body: object = None) -> dict[str, Any]:
    """As API Gateway hands over a request of the caller of the bench."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "pathParameters": None,
        "requestContext": {
            "apiId": "bench",
            "extendedRequestId": "bench=",
            "authorizer": {"caller_id": "k7m2x4q9ab", "caller": '{"name": "team-a"}'},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }
