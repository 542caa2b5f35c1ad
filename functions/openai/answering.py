"""From a body to the answer that goes back: translate, run, write."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import JsonValue

from functions.openai import sse
from functions.openai.background import Background, asked_for, notes_on
from functions.openai.chat_answer import completion
from functions.openai.chat_request import translated_chat
from functions.openai.chat_stream import chunks
from functions.openai.client import started_by
from functions.openai.deltas import pieces_of
from functions.openai.errors import refusal_response
from functions.openai.executions import run
from functions.openai.responses_answer import answered
from functions.openai.responses_request import translated_response
from functions.openai.responses_stream import events_of
from functions.openai.routing_facts import accepted_headers, headers_of
from functions.shared.errors import InvalidRequest

_JSON = "application/json"

CHAT_NAMES: Mapping[str, str] = {"max_output_tokens": "max_completion_tokens"}
RESPONSE_NAMES: Mapping[str, str] = {
    "messages": "input",
    "text": "input",
    "system": "instructions",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
}
"""What the native fields are called on each route."""


def answer_chat(
    body: JsonValue, event: APIGatewayProxyEvent, machine_arn: str, now_s: float
) -> Response[str]:
    """A body of Responses, which Cursor sends here, is understood, too, and answered as the route does."""
    is_chat = not isinstance(body, dict) or "input" not in body or "messages" in body
    names, translated = (
        (CHAT_NAMES, translated_chat) if is_chat else (RESPONSE_NAMES, translated_response)
    )
    asked, started = translated(body), started_by(event, "sync")
    if asked.is_background or asked.previous_response_id:
        raise InvalidRequest.at("body", "what is made in the background is asked for at /responses")
    told = run(machine_arn, started, asked.request)
    if not told["success"]:
        return refusal_response(told, names)
    headers = headers_of(told, started.request_id, asked.ignored)
    if asked.is_streamed:
        return _stream(sse.data_events(chunks(pieces_of(told), told, asked, int(now_s))), headers)
    return _json(completion(told, asked, int(now_s)), headers)


def answer_response(
    body: JsonValue,
    event: APIGatewayProxyEvent,
    machine_arn: str,
    background: Callable[[], Background],
    now_s: float,
) -> Response[str]:
    """`background` is asked for only where the request has to do with jobs."""
    earlier = _previous(body)
    asked = translated_response(body, background().conversation(earlier) if earlier else None)
    if asked.is_background:
        started = replace(started_by(event, "async"), noted=notes_on(asked))
        response = background().submit(started, asked, int(now_s))
        if "success" in response:
            return refusal_response(response, RESPONSE_NAMES)
        return _json(response, accepted_headers(response["id"], started.request_id, asked.ignored))
    started = started_by(event, "sync")
    told = run(machine_arn, started, asked.request)
    if not told["success"]:
        return refusal_response(told, RESPONSE_NAMES)
    headers = headers_of(told, started.request_id, asked.ignored)
    repeated = asked_for(asked)
    response = answered(told, repeated, created_s=int(now_s), completed_s=int(time.time()))
    if not asked.is_streamed:
        return _json(response, headers)
    events = events_of(pieces_of(told), response, told["request_id"], repeated)
    return _stream(sse.named_events(events), headers)


def _previous(body: JsonValue) -> str | None:
    told = body.get("previous_response_id") if isinstance(body, dict) else None
    return told if isinstance(told, str) else None


def _json(body: Mapping[str, Any], headers: Mapping[str, str]) -> Response[str]:
    text = json.dumps(body, ensure_ascii=False)
    return Response(status_code=200, content_type=_JSON, body=text, headers={**headers})


def _stream(text: str, headers: Mapping[str, str]) -> Response[str]:
    told = {**headers, **sse.STREAM_MODE}
    return Response(status_code=200, content_type=sse.CONTENT_TYPE, body=text, headers=told)
