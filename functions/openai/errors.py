"""Errors as OpenAI writes them, and what its clients are to do about each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.openai.routing_facts import REQUEST_ID
from functions.shared.contracts.error_body import LONGER_THAN_ANY_WINDOW
from functions.shared.errors import HTTP_STATUS, EngineError, error_body

_JSON = "application/json"
MODEL_NOT_FOUND, CONTEXT_LENGTH_EXCEEDED = "model_not_found", "context_length_exceeded"
STATUS: Mapping[str, int] = {**HTTP_STATUS, MODEL_NOT_FOUND: 404, CONTEXT_LENGTH_EXCEEDED: 400}
"""Of our codes, and of two that clients look for."""

_SERVER_ERROR = "server_error"
_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}
"""By status. OpenAI's clients go by the status alone."""


def openai_type(code: str) -> str:
    """What OpenAI calls the kind of an error with this code."""
    return _TYPES.get(STATUS[code], _SERVER_ERROR)


_RETRIED = frozenset({"request_in_progress", "rate_limited", "service_unavailable"})
"""A moment later it may go well, and nothing was billed. Of what failed at every provider the same is true
only where one of them told when it is free again."""


def error_response(error: EngineError, request_id: str) -> Response[str]:
    """Of what was refused before an execution began."""
    return _response(error_body(error, request_id), {})


def refusal_response(body: Mapping[str, Any], names: Mapping[str, str]) -> Response[str]:
    """Of the error that an execution ended in. `names` are what the client calls native fields."""
    error = body["error"]
    if error["code"] == "not_found":
        # What an execution does not find is a model.
        error = {**error, "code": MODEL_NOT_FOUND}
    return _response({**body, "error": error}, names)


def _response(body: Mapping[str, Any], names: Mapping[str, str]) -> Response[str]:
    error = body["error"]
    wait_s = error.get("retry_after_seconds")
    headers = {
        REQUEST_ID: body["request_id"],
        "x-should-retry": str(_may_help(error)).lower(),
        **({"Retry-After": str(wait_s)} if wait_s else {}),
    }
    return Response(
        status_code=STATUS[error["code"]],
        content_type=_JSON,
        body=json.dumps({"error": openai_error(error, names), "request_id": body["request_id"]}),
        headers=headers,
    )


def openai_error(error: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    problems = [_renamed(one, names) for one in error.get("details", [])]
    fields = [one for one in problems if "field" in one]
    return {
        "message": _message(error, fields),
        "type": openai_type(error["code"]),
        "param": fields[0]["field"] if fields else None,
        "code": _code(error),
        **({"details": problems} if problems else {}),
        **{name: error[name] for name in ("execution_id", "status_url") if name in error},
    }


def _message(error: Mapping[str, Any], fields: list[dict[str, Any]]) -> str:
    """Clients show nothing else."""
    told = "; ".join(f"{one['field']}: {one['problem']}" for one in fields)
    end = "" if told.endswith("?") else "."
    return f"{error['message']} {told}{end}" if told else str(error["message"])


def _code(error: Mapping[str, Any]) -> str:
    problems = [one.get("problem") for one in error.get("details", [])]
    is_long = LONGER_THAN_ANY_WINDOW in problems
    return CONTEXT_LENGTH_EXCEEDED if is_long else str(error["code"])


def _may_help(error: Mapping[str, Any]) -> bool:
    if error["code"] == "all_providers_failed":
        return bool(error.get("retry_after_seconds"))
    return error["code"] in _RETRIED


def _renamed(detail: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    if "field" not in detail:
        return dict(detail)
    field = str(detail["field"])
    for native, own in names.items():
        if field == native or field.startswith(f"{native}."):
            field = own if own in {"input", "text.format"} else own + field.removeprefix(native)
            break
    return {**detail, "field": field}
