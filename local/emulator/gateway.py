"""API Gateway: Step Functions integrations, validation, key ids, gateway responses, compression."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.services import apigateway_v1 as gateway

from functions.shared.strict_json import refuse_constant
from local.emulator import states_integration, traces
from local.emulator.compression import compressed
from local.emulator.exchange import Exchange, context_of, current
from local.emulator.workers import is_refusal
from local.velocity.variables import value_at

MAX_BODY_BYTES = 10 * 1024 * 1024
"""API Gateway's limit on a request's payload."""

_PLAIN = frozenset({"", "identity"})
"""Encodings of bodies. An API that compresses answers takes compressed bodies, too, which no client
of ours sends: they are refused here, and not read as if they were JSON."""

ANSWERED: list[Callable[[Exchange], None]] = []
"""Called with every exchange that has its answer: status, response_bytes and latency_ms; where an
integration was called, integration_latency_ms; where the gateway itself refused, error_type and
error_message."""

_REQUEST_ID = "x-amzn-requestid"

_check_api_key = gateway._check_api_key
_check_body = gateway._check_request_validation
_build_lambda_event = gateway._build_lambda_event_v1
_invoke_lambda = gateway._invoke_lambda_proxy_v1
_invoke_custom = gateway._invoke_lambda_custom_v1
_invoke_mock = gateway._invoke_mock_v1
_render_gateway_response = gateway._gateway_error_response


async def _execute(  # noqa: PLR0917 - ministack's signature
    api_id: str,
    stage_name: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query_params: dict[str, list[str]],
    *scope: str,
) -> Any:
    """ministack's own, but the exchange is shared with the functions below."""
    started = time.perf_counter()
    exchange: Exchange = {
        "api_id": api_id,
        "stage_name": stage_name,
        "stage": gateway.stages_for_api(api_id).get(stage_name),
        "headers": headers,
        "query_params": query_params,
        "path_params": {},
        "resource_path": "",
        # A client may choose the one, and never the other:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
        "request_id": gateway._header_ci(headers, _REQUEST_ID) or gateway.new_uuid(),
        "extended_request_id": base64.b64encode(secrets.token_bytes(11)).decode(),
        "trace_root": traces.root_of(gateway._header_ci(headers, traces.HEADER)),
        "http_method": method,
        "path": path,
    }
    token = current.set(exchange)
    try:
        with traces.within(exchange["trace_root"]):
            status, answer_headers, answer = await _answer(exchange, body, *scope)
        exchange["status"], exchange["response_bytes"] = status, len(answer)
        exchange["latency_ms"] = _milliseconds_since(started)
        for listener in ANSWERED:
            listener(exchange)
        return status, answer_headers, answer
    finally:
        current.reset(token)


async def _answer(
    exchange: Exchange, body: bytes, *scope: str
) -> tuple[int, dict[str, Any], bytes]:
    request_headers = exchange["headers"]
    if len(body) > MAX_BODY_BYTES and exchange["stage"]:
        response = gateway._gw_error("REQUEST_TOO_LARGE", "Request Too Long")
    elif (
        gateway._header_ci(request_headers, "content-encoding") not in _PLAIN and exchange["stage"]
    ):
        response = gateway._gw_error("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
    else:
        names = ("api_id", "stage_name", "http_method", "path", "headers")
        route = [exchange[name] for name in names]
        response = await gateway._execute_in_scope(
            exchange, *route, body, exchange["query_params"], *scope
        )
    if isinstance(response, gateway._GatewayError):
        exchange["error_type"] = response.response_type
        exchange["error_message"] = response.message
        response = _gateway_response(response, exchange)
    status, headers, answer = response
    api = gateway._rest_apis.get(exchange["api_id"]) or {}
    accepted = gateway._header_ci(request_headers, "accept-encoding")
    headers, answer = compressed(api, accepted, headers, answer)
    ids = {
        _REQUEST_ID: exchange["request_id"],
        "x-amz-apigw-id": exchange["extended_request_id"],
        traces.HEADER: f"Root={exchange['trace_root']}",
    }
    return int(status), headers | ids, answer


def _milliseconds_since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)


def _api_key(
    method: dict[str, Any], api_id: str, stage_name: str, _headers: dict[str, str]
) -> tuple[Any, Any]:
    """Upstream takes the key out of the request, and does not tell templates and functions its id; with
    the source AUTHORIZER it is what the authorizer named, and nothing that a client sends."""
    named = {"x-api-key": current.get().get("usage_key", "")}
    error, key = _check_api_key(method, api_id, stage_name, named)
    if key is not None:
        current.get()["api_key_id"] = key["id"]
    return error, key


def _validate(  # noqa: PLR0917 - ministack's signature
    method: dict[str, Any],
    api_id: str,
    exchange: Exchange,
    headers: dict[str, str],
    body: bytes,
    query_params: dict[str, list[str]],
) -> Any:
    """Upstream takes Python's NaN for JSON, and holds a body of a type without a model, which the
    integration refuses, against the model of JSON."""
    content_type = gateway._header_ci(headers, "content-type").partition(";")[0].strip().lower()
    models = method.get("requestModels") or {}
    if not method.get("requestValidatorId") or (content_type and content_type not in models):
        return None
    if not _is_json(body or b""):
        return gateway._gw_error("BAD_REQUEST_BODY", "Invalid request body")
    return _check_body(method, api_id, exchange, headers, body, query_params)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body.decode("utf-8"), parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _gateway_response(error: Any, exchange: Exchange) -> tuple[int, dict[str, str], bytes]:
    """Fill in the variables that upstream leaves as they are."""
    status, headers, body = _render_gateway_response(error, exchange)
    context = context_of(exchange)

    def fill(found: Any) -> str:
        value = value_at(context, (found[1] or found[2]).removeprefix("context."))
        return "" if value is None or isinstance(value, dict) else str(value)

    text = gateway._GATEWAY_TEMPLATE_VARIABLE.sub(fill, body.decode("utf-8"))
    return status, headers, text.encode()


async def _timed(call: Awaitable[Any]) -> Any:
    started = time.perf_counter()
    try:
        return await call
    finally:
        current.get()["integration_latency_ms"] = _milliseconds_since(started)


async def _custom(integration: dict[str, Any], *route: Any, **scope: Any) -> Any:
    action = states_integration.action_of(integration)
    if action is None:
        return await _timed(_invoke_custom(integration, *route, **scope))
    body = route[7]  # api_id, stage_name, stage, resource, path, method, headers, body
    exchange = current.get()
    return await _timed(states_integration.invoke(integration, action, exchange, body or b""))


async def _proxy(integration: dict[str, Any], *route: Any, **scope: Any) -> Any:
    response = await _timed(_invoke_lambda(integration, *route, **scope))
    if isinstance(response, gateway._GatewayError):
        return response
    status, _headers, body = response
    # Upstream answers a failed function by its error message, and one that Lambda refused to run by
    # 429; AWS answers both by DEFAULT_5XX.
    failed = status == 502 and body.startswith(b'{"message":')
    if failed or (status == 429 and is_refusal(body)):
        return gateway._gw_error("DEFAULT_5XX", "Internal server error")
    return response


def _mock(integration: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Upstream makes up a body where no template makes one; AWS sends none, as its preflights show."""
    status, headers, body = _invoke_mock(integration)
    responses = (integration.get("integrationResponses") or {}).values()
    is_made = any(one.get("responseTemplates") for one in responses)
    return status, headers, body if is_made else b""


def _lambda_event(*route: Any, **options: Any) -> dict[str, Any]:
    """Upstream's event has request ids of its own and no API key id."""
    event: dict[str, Any] = _build_lambda_event(*route, **options)
    context = context_of(current.get())
    for name in ("requestId", "extendedRequestId"):
        event["requestContext"][name] = context[name]
    event["requestContext"]["identity"]["apiKeyId"] = context["identity"]["apiKeyId"]
    return event


def install() -> None:
    """Replace ministack's functions."""
    gateway._handle_execute_in_scope = _execute
    gateway._check_api_key = _api_key
    gateway._check_request_validation = _validate
    gateway._build_lambda_event_v1 = _lambda_event
    gateway._invoke_lambda_proxy_v1 = _proxy
    gateway._invoke_lambda_custom_v1 = _custom
    gateway._invoke_mock_v1 = _mock
