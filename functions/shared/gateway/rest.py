"""What every function behind the gateway does alike: read a JSON body, answer an error."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, JsonValue, ValidationError

from functions.shared.caller import Caller
from functions.shared.errors import (
    HTTP_STATUS,
    UNREADABLE,
    BudgetExceeded,
    EngineError,
    InvalidRequest,
    NotFound,
    UnsupportedMediaType,
    error_body,
)
from functions.shared.gateway.aws_errors import aws_error
from functions.shared.gateway.problems import problems_of
from functions.shared.gateway.response_headers import json_headers
from functions.shared.request_ids import request_id_of
from functions.shared.settings import AnswerSettings, read_settings
from functions.shared.strict_json import refuse_constant
from functions.shared.telemetry.observability import count_internal_error, logger
from functions.shared.well_formed import well_formed_json

_JSON = "application/json"
_NO_PATH = "There is no such path."

Body = TypeVar("Body", bound=BaseModel)


class _Resolver(APIGatewayRestResolver):
    def resolve(self, event: Any, context: Any) -> dict[str, Any]:
        """Every answer with the headers that all have; its own go before them."""
        answer = super().resolve(event, context)
        headers = json_headers(read_settings(AnswerSettings).CORS_ALLOW_ORIGIN)
        common = {name: [value] for name, value in headers.items()}
        return answer | {"multiValueHeaders": common | answer["multiValueHeaders"]}


def new_resolver(
    answer_error: Callable[[EngineError, str], Response[str]] | None = None,
) -> APIGatewayRestResolver:
    """A router whose errors all have one shape: the contract's, or that of `answer_error`, which gets the
    request's id, too."""
    app = _Resolver(strip_prefixes=["/api"])
    app.use(middlewares=[_refuse_line_ends])

    @app.exception_handler(Exception)  # type: ignore[untyped-decorator]
    def on_error(error: Exception) -> Response[str]:
        known = _known(error)
        if known.code == EngineError.code:
            count_internal_error(app.lambda_context.function_name)
        return (answer_error or _error_response)(known, id_of(app.current_event))

    return app


def _refuse_line_ends(app: APIGatewayRestResolver, route: NextMiddleware) -> Response[str]:
    # A route's pattern takes a line end behind the path, and leaves it out of the last name.
    if not app.current_event.path.isprintable():
        raise NotFound(_NO_PATH)
    return route(app)


def id_of(event: APIGatewayProxyEvent) -> str:
    """The request's id, as its row and its execution would have it."""
    return request_id_of(event.request_context.extended_request_id or "")


def caller_id_of(event: APIGatewayProxyEvent) -> str:
    """As the authorizer told it."""
    return str(_authorized(event)["caller_id"])


def caller_of(event: APIGatewayProxyEvent) -> Caller:
    """Raises `Forbidden` once its time has passed: the gateway keeps a verdict for a while."""
    caller = Caller.model_validate_json(_authorized(event)["caller"])
    caller.check_time(time.time())
    return caller


def _authorized(event: APIGatewayProxyEvent) -> dict[str, Any]:
    authorized: dict[str, Any] = event.raw_event["requestContext"]["authorizer"]
    return authorized


def json_body(event: APIGatewayProxyEvent) -> JsonValue:
    """Raises `UnsupportedMediaType` and `InvalidRequest`."""
    # Like the gateway, which takes a body without a type for JSON.
    content_type = event.headers.get("content-type") or _JSON
    if content_type.partition(";")[0].strip().lower() != _JSON:
        raise UnsupportedMediaType("Send application/json.")
    try:
        text = well_formed_json(event.decoded_body or "")
        value: JsonValue = json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        raise InvalidRequest.at("body", UNREADABLE) from None
    return value


def parsed_body(event: APIGatewayProxyEvent, kind: type[Body]) -> Body:
    """Raises `UnsupportedMediaType`, and `InvalidRequest` with each field and what is wrong with it."""
    try:
        return kind.model_validate(json_body(event))
    except ValidationError as error:
        raise InvalidRequest.of(problems_of(error, kind)) from None


def _known(error: Exception) -> EngineError:
    if isinstance(error, NotFoundError):
        return NotFound(_NO_PATH)
    if isinstance(error, EngineError):
        return error
    logger.error("request failed", error_type=type(error).__name__)
    return aws_error(error) or EngineError("The engine failed inside.")


def _error_response(error: EngineError, request_id: str) -> Response[str]:
    wait = error.retry_after_seconds
    headers = {"Retry-After": str(wait)} if wait else {}
    if isinstance(error, BudgetExceeded):
        # OpenAI's and Anthropic's clients ask it before they repeat a call.
        headers["x-should-retry"] = "false"
    return Response(
        status_code=HTTP_STATUS[error.code],
        content_type=_JSON,
        body=json.dumps(error_body(error, request_id)),
        headers=headers,
    )
