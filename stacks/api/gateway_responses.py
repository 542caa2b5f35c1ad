"""What the gateway itself answers, in the contract's error shape."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from aws_cdk import aws_apigateway as apigw

from functions.openai.errors import openai_type
from functions.shared.errors import HTTP_STATUS, problem_at
from functions.shared.gateway.response_headers import json_headers

_TYPE = apigw.ResponseType
_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class GatewayResponse:
    """`problem` is what is wrong with the body, in our words: the validator's own repeat the body. `met_by`
    says which routes can be answered so: none where it is told of a path that is no route. `should_retry`
    is for OpenAI's clients, which else ask again after every 429."""

    type: apigw.ResponseType
    code: str
    message: str
    problem: str = ""
    retry_after_seconds: int = 0
    should_retry: Literal["true", "false"] | None = None
    met_by: Literal["all", "keyed", "with_body", "none"] = "all"

    @property
    def status_code(self) -> str:
        return str(HTTP_STATUS[self.code])

    def headers(self, cors_allow_origin: str | None) -> dict[str, str]:
        """Static header values are quoted."""
        wait = {"Retry-After": str(self.retry_after_seconds)} if self.retry_after_seconds else {}
        again = {} if self.should_retry is None else {"x-should-retry": self.should_retry}
        common = json_headers(cors_allow_origin)
        return {name: f"'{value}'" for name, value in {**common, **wait, **again}.items()}

    @property
    def template(self) -> str:
        """The body. Only `$context` variables are filled in here: this is not Velocity."""
        error: dict[str, object] = {
            "code": self.code,
            "message": self.message,
            "type": openai_type(self.code),
            "param": None,
        }
        if self.problem:
            error["details"] = [problem_at("body", self.problem)]
        if self.retry_after_seconds:
            error["retry_after_seconds"] = self.retry_after_seconds
        # Nothing is cut out of a variable here: the row of a request has this id without its `=`.
        body = {"success": False, "error": error, "request_id": "req_$context.extendedRequestId"}
        return json.dumps(body)


_NO_PATH = "There is no such path."
_NOT_VALID = "The request is not valid."
_NO_KEY = (
    "The key or token is missing or unknown: send it in X-API-Key, or as Bearer in Authorization"
    " where a route takes that."
)
_DENIED = "$context.authorizer.reason"
"""What the authorizer said against a caller that it knows."""

GATEWAY_RESPONSES = (
    # The gateway's own word for a path or method that it does not have.
    GatewayResponse(_TYPE.MISSING_AUTHENTICATION_TOKEN, "not_found", _NO_PATH, met_by="none"),
    GatewayResponse(_TYPE.RESOURCE_NOT_FOUND, "not_found", _NO_PATH, met_by="none"),
    GatewayResponse(_TYPE.UNAUTHORIZED, "unauthorized", _NO_KEY, met_by="keyed"),
    GatewayResponse(_TYPE.ACCESS_DENIED, "forbidden", _DENIED, met_by="keyed"),
    # The authorizer let it in, and the gateway has no usage key of that name: it is being made, or gone.
    GatewayResponse(
        _TYPE.INVALID_API_KEY, "forbidden", "The caller is in no usage plan.", met_by="keyed"
    ),
    GatewayResponse(_TYPE.INVALID_SIGNATURE, "unauthorized", _NO_KEY, met_by="keyed"),
    GatewayResponse(_TYPE.EXPIRED_TOKEN, "unauthorized", _NO_KEY, met_by="keyed"),
    # The table of callers does not answer, or the account has no room to run the authorizer.
    GatewayResponse(
        _TYPE.AUTHORIZER_FAILURE,
        "service_unavailable",
        "Who calls cannot be looked up now.",
        retry_after_seconds=5,
        met_by="keyed",
    ),
    GatewayResponse(_TYPE.WAF_FILTERED, "forbidden", "The request was refused."),
    GatewayResponse(
        _TYPE.THROTTLED,
        "rate_limited",
        "Too many requests at once.",
        retry_after_seconds=1,
        should_retry="true",
    ),
    GatewayResponse(
        _TYPE.QUOTA_EXCEEDED,
        "quota_exceeded",
        "The key's quota for today is used up.",
        retry_after_seconds=_SECONDS_PER_HOUR,
        should_retry="false",
        met_by="keyed",
    ),
    GatewayResponse(
        _TYPE.UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "Send application/json.",
        met_by="with_body",
    ),
    GatewayResponse(
        _TYPE.REQUEST_TOO_LARGE,
        "payload_too_large",
        "The request is over 256 KiB.",
        met_by="with_body",
    ),
    GatewayResponse(
        _TYPE.BAD_REQUEST_BODY,
        "invalid_request",
        _NOT_VALID,
        problem="must be a JSON object",
        met_by="with_body",
    ),
    GatewayResponse(_TYPE.BAD_REQUEST_PARAMETERS, "invalid_request", _NOT_VALID),
    GatewayResponse(
        _TYPE.INTEGRATION_TIMEOUT, "deadline_exceeded", "The request's deadline passed."
    ),
    GatewayResponse(_TYPE.DEFAULT_4_XX, "invalid_request", _NOT_VALID),
    GatewayResponse(_TYPE.DEFAULT_5_XX, "internal_error", "The engine failed inside."),
)
