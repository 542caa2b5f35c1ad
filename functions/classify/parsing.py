"""The caller's JSON as a typed request, or an error that names each field and what is wrong with it."""

from __future__ import annotations

import json
from itertools import groupby

from pydantic import JsonValue, ValidationError

from functions.shared.contracts import GenerateRequest
from functions.shared.errors import InvalidRequest, PayloadTooLarge

MAX_REQUEST_BYTES = 210_000
"""A state holds at most 262,144 bytes; the rest is room for the decision and the failed attempts."""


def parse_request(body: JsonValue) -> GenerateRequest:
    """Raises `InvalidRequest` and `PayloadTooLarge`."""
    try:
        request = GenerateRequest.model_validate(body)
        # The profile takes the metadata along a second time.
        size = _json_bytes(body) + (_json_bytes(request.metadata) if request.metadata else 0)
    except ValidationError as error:
        raise InvalidRequest("The request is not valid.", details=_problems(error)) from None
    except (RecursionError, UnicodeEncodeError):
        problem = {"field": "body", "problem": "nested too deeply, or not valid Unicode"}
        raise InvalidRequest("The request is not valid.", details=[problem]) from None
    if size > MAX_REQUEST_BYTES:
        raise PayloadTooLarge(f"The request has {size} bytes; at most {MAX_REQUEST_BYTES} fit.")
    return request


def _json_bytes(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def _problems(error: ValidationError) -> list[dict[str, str]]:
    # Never the input itself: it may be the prompt.
    found = error.errors(include_url=False, include_context=False, include_input=False)
    problems = [
        {"field": _path(item["loc"]), "problem": item["msg"].removeprefix("Value error, ")}
        for item in found[:20]
    ]
    return list({tuple(problem.items()): problem for problem in problems}.values())


def _path(location: tuple[int | str, ...]) -> str:
    # Pydantic puts the tried branch of a union into the path; the caller knows nothing of those.
    # The branch of a part of a message is named like the field that it has.
    parts = [
        str(part)[:64]
        for part, _ in groupby(location)
        if isinstance(part, int) or (part.isidentifier() and not part[:1].isupper())
    ]
    return ".".join(parts) or "body"
