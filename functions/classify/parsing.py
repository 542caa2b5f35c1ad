"""The caller's JSON as a typed request, or an error that names each field and what is wrong with it."""

from __future__ import annotations

from pydantic import JsonValue, ValidationError

from functions.shared.contracts.request import GenerateRequest
from functions.shared.contracts.state_size import json_bytes
from functions.shared.contracts.states import json_of
from functions.shared.errors import InvalidRequest, PayloadTooLarge
from functions.shared.gateway.problems import problems_of

MAX_REQUEST_BYTES = 210_000
"""The rest of a state is room for the decision and the failed attempts."""


def parse_request(body: JsonValue) -> GenerateRequest:
    """Raises `InvalidRequest` and `PayloadTooLarge`."""
    try:
        request = GenerateRequest.model_validate(body)
        # What is handed on has defaults in it, and the profile takes the metadata along once more.
        size = json_bytes(json_of(request)) + json_bytes(request.metadata or "")
    except ValidationError as error:
        raise InvalidRequest.of(problems_of(error)) from None
    except (RecursionError, UnicodeEncodeError):
        raise InvalidRequest.at("body", "nested too deeply, or not valid Unicode") from None
    if size > MAX_REQUEST_BYTES:
        raise PayloadTooLarge(f"The request has {size} bytes; at most {MAX_REQUEST_BYTES} fit.")
    return request
