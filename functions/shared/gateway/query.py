"""The parameters behind a path's question mark."""

from __future__ import annotations

from typing import TypeVar

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, ValidationError

from functions.shared.errors import InvalidRequest
from functions.shared.gateway.field_names import Place, names_of
from functions.shared.gateway.problems import MOST_PROBLEMS, problems_of, unknown_name
from functions.shared.well_formed import well_formed

Query = TypeVar("Query", bound=BaseModel)


def parsed_query(event: APIGatewayProxyEvent, kind: type[Query]) -> Query:
    """Raises `InvalidRequest` with each parameter and what is wrong with it, unknown ones as well."""
    parameters = well_formed(event.query_string_parameters or {})
    place = Place((), names_of(kind), "query")
    # Here and not by the model, which takes a field's own name where it has an alias.
    unknown = sorted(parameters.keys() - set(place.names))[:MOST_PROBLEMS]
    if unknown:
        raise InvalidRequest.of([unknown_name(name, place) for name in unknown])
    try:
        return kind.model_validate(parameters)
    except ValidationError as error:
        raise InvalidRequest.of(problems_of(error, kind)) from None
