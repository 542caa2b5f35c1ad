"""The API's document as its clients read it, and whether an answer keeps to it."""

from __future__ import annotations

from functools import cache
from typing import Any

import requests
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from stacks.api.openapi import document

ANSWERED: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
"""What is asked of each answer."""
REFUSED: list[Any] = [*ANSWERED, negative_data_rejection]
"""And of an answer to what the document forbids."""


@cache
def described() -> Any:
    """Schemathesis' reading of the document."""
    return schemathesis.openapi.from_dict(document())


def assert_conforms(method: str, path: str, response: requests.Response) -> None:
    """`path` as the document has it."""
    told = described()[path][method].definition.raw["responses"]
    assert str(response.status_code) in told, (method, path, response.text)
    described()[path][method].validate_response(response)
