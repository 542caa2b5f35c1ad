"""Vectors by OpenAI's route: a request is as many executions as its answer needs, a few at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import JsonValue

from functions.openai.client import started_by
from functions.openai.embeddings_answer import embeddings_response, together
from functions.openai.embeddings_request import AskedEmbeddings, translated_embeddings
from functions.openai.errors import refusal_response
from functions.openai.executions import Started, run
from functions.openai.routing_facts import headers_of
from functions.shared.errors import DeadlineExceeded, PayloadTooLarge, RateLimited, error_body
from functions.shared.vocabulary import EMBEDDING

Part = tuple[Started, Mapping[str, Any]]

AT_ONCE = 4
"""Each execution takes a function at a time, of which an account may have as few as ten."""
WHOLE_S = 26.0
"""Of the gateway's 29 s, for all executions together."""
_LEAST_S = 2.0
"""With less left, no further execution is started."""
_STARTS = 3
_PAUSE_S = 0.5
_NATIVE_NAMES: Mapping[str, str] = {"family": "model"}


def answer_embeddings(
    body: JsonValue, event: APIGatewayProxyEvent, machine_arn: str, now_s: float
) -> Response[str]:
    """Where a part fails, its error is the request's. What others cost by then is booked, each in its own row."""
    asked, started = translated_embeddings(body), started_by(event, "sync")
    answers: list[Mapping[str, Any]] = []
    for told in _told(machine_arn, started, asked, now_s):
        if not told["success"]:
            refused = refusal_response(told, _NATIVE_NAMES)
            if answers and not _is_joined(started):
                # A retry would pay for those once more.
                refused.headers["x-should-retry"] = "false"
            return refused
        answers.append(told)
    whole = together(answers)
    text = json.dumps(
        embeddings_response(whole, asked.encoding, asked.ignored),
        ensure_ascii=False,
        separators=(",", ":"),
    )
    headers: dict[str, Any] = headers_of(whole, started.request_id, asked.ignored)
    return Response(200, content_type="application/json", body=text, headers=headers)


def _is_joined(started: Started) -> bool:
    """Whether whoever sends it again gets the parts that are answered as they were, unpaid."""
    return bool(started.idempotency_key) or started.client_retry_count is not None


def _told(
    machine_arn: str, started: Started, asked: AskedEmbeddings, now_s: float
) -> Iterator[Mapping[str, Any]]:
    """Of each part its answer or its error, in order."""
    ends_s = now_s + min(WHOLE_S, (asked.max_latency_ms or 1000 * WHOLE_S) / 1000)
    first = replace(started, kind=EMBEDDING, deadline_at_ms=round(1000 * ends_s))
    parts = list(zip(_numbered(first, len(asked.parts)), asked.parts, strict=True))
    with ThreadPoolExecutor(min(AT_ONCE, len(parts))) as pool:
        for wave in _waves(parts):
            if wave[0] is not parts[0] and time.time() > ends_s - _LEAST_S:
                late = DeadlineExceeded("There was no time to ask for all vectors.")
                yield error_body(late, started.request_id)
                return
            calls = [pool.submit(_run, machine_arn, one, request, ends_s) for one, request in wave]
            yield from (call.result() for call in calls)


def _numbered(started: Started, parts: int) -> Iterator[Started]:
    """The first has the request's own id, the others have their number behind it."""
    yield started
    key = started.idempotency_key
    for number in range(2, parts + 1):
        # No caller's key has a slash.
        own_key = f"{key}/{number}" if key else ""
        request_id = f"{started.request_id}-{number}"
        yield replace(started, request_id=request_id, idempotency_key=own_key)


def _waves(parts: Sequence[Part]) -> Iterator[Sequence[Part]]:
    """The first alone, where there are more: what is wrong with it is wrong with all."""
    first = AT_ONCE if len(parts) <= AT_ONCE else 1
    yield parts[:first]
    for begin in range(first, len(parts), AT_ONCE):
        yield parts[begin : begin + AT_ONCE]


def _run(
    machine_arn: str, started: Started, request: Mapping[str, Any], ends_s: float
) -> Mapping[str, Any]:
    """The body of an answer or of an error. What was refused a start may be started again."""
    for _ in range(_STARTS - 1):
        try:
            return _body(machine_arn, started, request)
        except RateLimited:
            if time.time() + _PAUSE_S > ends_s - _LEAST_S:
                break
            time.sleep(_PAUSE_S)
    try:
        return _body(machine_arn, started, request)
    except RateLimited as error:
        return error_body(error, started.request_id)


def _body(machine_arn: str, started: Started, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises `RateLimited`, and `ClientError` as `run` does."""
    try:
        return run(machine_arn, started, request)
    except (DeadlineExceeded, PayloadTooLarge) as error:
        return error_body(error, started.request_id)
