"""The parameters behind a path's question mark."""

from __future__ import annotations

from typing import TypeVar

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, ValidationError

from functions.shared.errors import InvalidRequest, problem_at
from functions.shared.gateway.problems import problems_of

Query = TypeVar("Query", bound=BaseModel)


def parsed_query(event: APIGatewayProxyEvent, kind: type[Query]) -> Query:
    """Raises `InvalidRequest` with each parameter and what is wrong with it, unknown ones as well."""
    parameters = event.query_string_parameters or {}
    names = {field.alias or name for name, field in kind.model_fields.items()}
    # Named here: a parameter's name need not be one that a field of a body could have.
    unknown = sorted(parameters.keys() - names)
    if unknown:
        raise InvalidRequest.of([problem_at(name[:64], "unknown") for name in unknown[:20]])
    try:
        return kind.model_validate(parameters)
    except ValidationError as error:
        raise InvalidRequest.of(problems_of(error)) from None
