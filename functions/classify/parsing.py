"""The caller's JSON as a typed request, or an error that names each field and what is wrong with it."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import JsonValue, ValidationError

from functions.shared.caller import Caller
from functions.shared.contracts.embedding import EmbeddingRequest
from functions.shared.contracts.request import GenerateRequest
from functions.shared.contracts.schema_budget import SchemaRefused, refuse_costly_schemas
from functions.shared.contracts.state_size import json_bytes
from functions.shared.contracts.states import json_of
from functions.shared.errors import InvalidRequest, PayloadTooLarge
from functions.shared.gateway.field_names import field_at
from functions.shared.gateway.problems import problems_of
from functions.shared.well_formed import well_formed

MAX_REQUEST_BYTES = 210_000
"""The rest of a state is room for the decision and the failed attempts."""
_USUAL_CALLER_BYTES = 400
"""Of a caller with limits and without lists, which has its place in that room."""
_NEEDS_BYTES = 8_000
"""At most, of what each model needs of the budgets of a caller that has limits."""


def _handed_on_bytes(request: GenerateRequest) -> int:
    """Of what the states carry: it grows by what may be left out in every tool call, and by how a
    number is written. The fields that every request gets are not the caller's, and room is left for
    them."""
    return json_bytes(json_of(request)) - _defaults_bytes()


@cache
def _defaults_bytes() -> int:
    return json_bytes(json_of(GenerateRequest(text="x"))) - json_bytes({"text": "x"})


def _well_formed(body: JsonValue) -> tuple[Any, int]:
    """And how many bytes it has."""
    try:
        return body, json_bytes(body)
    except UnicodeEncodeError:
        mended = well_formed(body)
        return mended, json_bytes(mended)


def room_bytes(caller: Caller) -> int:
    """For the request, as the caller and what its limits bring take theirs of the same states."""
    more = max(0, json_bytes(json_of(caller)) - _USUAL_CALLER_BYTES)
    return MAX_REQUEST_BYTES - more - (_NEEDS_BYTES if caller.is_limited else 0)


def parse_request(body: JsonValue, caller: Caller | None = None) -> GenerateRequest:
    """Of nobody in particular without a `caller`. Raises `InvalidRequest` and `PayloadTooLarge`."""
    try:
        body, told_bytes = _well_formed(body)
        request = GenerateRequest.model_validate(body)
        # The profile takes the metadata along once more.
        size = max(told_bytes, _handed_on_bytes(request))
        size += json_bytes(request.metadata) if request.metadata else 0
    except ValidationError as error:
        raise InvalidRequest.of(problems_of(error, GenerateRequest)) from None
    except RecursionError:
        raise InvalidRequest.at("body", "nested too deeply") from None
    room = room_bytes(caller or Caller())
    if size > room:
        raise PayloadTooLarge(f"The request has {size} bytes; at most {room} fit.")
    try:
        refuse_costly_schemas(request)
    except SchemaRefused as refused:
        raise InvalidRequest.at(field_at(refused.place), refused.problem) from None
    return request


def parse_embedding(body: JsonValue, caller: Caller | None = None) -> EmbeddingRequest:
    """Raises `InvalidRequest` and `PayloadTooLarge`."""
    body, told_bytes = _well_formed(body)
    try:
        request = EmbeddingRequest.model_validate(body)
    except ValidationError as error:
        raise InvalidRequest.of(problems_of(error, EmbeddingRequest)) from None
    size = told_bytes + (json_bytes(request.metadata) if request.metadata else 0)
    room = room_bytes(caller or Caller())
    if size > room:
        raise PayloadTooLarge(f"The inputs have {size} bytes; at most {room} fit.")
    return request
