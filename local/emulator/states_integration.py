"""The gateway's direct integration with Step Functions: template, action, template.

ministack answers 504 to such an integration: its custom integration knows only Lambda and SQS.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from ministack.services import apigateway_v1 as gateway
from ministack.services import stepfunctions

from local.emulator.exchange import Exchange, context_of, parameters_of
from local.velocity import TemplateFailed, render

_JSON = "application/json"
_HEADER = re.compile(r"method\.response\.header\.([\w-]+)")
_STATIC = re.compile(r"'(.*)'")
_started: set[asyncio.Task[Any]] = set()
"""Calls that outlive their request: Step Functions does not stop when the gateway gives up."""


def action_of(integration: dict[str, Any]) -> str | None:
    """The Step Functions action that an integration calls, or None when it calls something else."""
    target = gateway._parse_service_integration_uri(integration.get("uri", ""))
    if target and target[1] == "states" and target[2] == "action":
        return str(target[3])
    return None


async def invoke(integration: dict[str, Any], action: str, exchange: Exchange, body: bytes) -> Any:
    """Answer (status, headers, body), or one of ministack's gateway errors."""
    try:
        request = render(
            _template_for(integration["requestTemplates"]),
            body=body.decode("utf-8"),
            parameters=parameters_of(exchange),
            context=context_of(exchange),
        )
        seconds = integration.get("timeoutInMillis", 29_000) / 1000
        answer = await _call(action, request, seconds)
        if answer is None:
            return gateway._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")
        return _response(integration, *answer, exchange)
    except (TemplateFailed, UnicodeDecodeError) as error:
        gateway.logger.error("mapping template: %s", error)
        return gateway._gw_error("API_CONFIGURATION_ERROR", "Internal server error")


async def _call(action: str, request: str, seconds: float) -> tuple[int, str] | None:
    headers = {"x-amz-target": f"AWSStepFunctions.{action}"}
    call = stepfunctions.handle_request("POST", "/", headers, request.encode(), {})
    task = asyncio.ensure_future(call)
    _started.add(task)
    task.add_done_callback(_started.discard)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        return None
    status, _headers, body = task.result()
    return int(status), _as_aws(body.decode("utf-8"))


def _as_aws(answer: str) -> str:
    # ministack gives a failed execution an output; AWS gives it none.
    execution = json.loads(answer)
    if execution.get("status") in {"FAILED", "TIMED_OUT"}:
        execution.pop("output", None)
    return json.dumps(execution)


def _response(
    integration: dict[str, Any], backend_status: int, answer: str, exchange: Exchange
) -> Any:
    chosen = _select(integration.get("integrationResponses") or {}, backend_status)
    if chosen is None:
        return gateway._gw_error("API_CONFIGURATION_ERROR", "Internal server error")
    context = context_of(exchange)
    body = answer
    if chosen.get("responseTemplates"):
        body = render(
            _template_for(chosen["responseTemplates"]),
            body=answer,
            parameters=parameters_of(exchange),
            context=context,
        )
    override = context["responseOverride"]
    static = _static_headers(chosen.get("responseParameters") or {})
    headers = {"Content-Type": _JSON, **static, **override["header"]}
    return int(override.get("status") or chosen["statusCode"]), headers, body.strip().encode()


def _static_headers(parameters: dict[str, str]) -> dict[str, str]:
    """The headers that a response's parameters set: our template has quoted static values only.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html
    """
    headers = {}
    for target, source in parameters.items():
        name, value = _HEADER.fullmatch(target), _STATIC.fullmatch(source)
        if name is None or value is None:
            raise TemplateFailed(f"a response that maps {source} to {target}")
        headers[name[1]] = value[1]
    return headers


def _select(responses: dict[str, Any], backend_status: int) -> dict[str, Any] | None:
    """The response whose pattern matches the back end's HTTP status, else the one without."""
    default = None
    for response in responses.values():
        pattern = response.get("selectionPattern")
        if not pattern:
            default = response
        elif re.fullmatch(pattern, str(backend_status)):
            return dict(response)
    return default


def _template_for(templates: dict[str, str]) -> str:
    return templates.get(_JSON) or next(iter(templates.values()))
