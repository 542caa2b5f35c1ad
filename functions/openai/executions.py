"""The executions that the routes start: those of the native routes, with the same input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from functions.shared.errors import (
    HTTP_STATUS,
    DeadlineExceeded,
    EngineError,
    PayloadTooLarge,
    RateLimited,
    error_body,
)
from functions.shared.storage.clients import client
from functions.shared.vocabulary import Kind, Mode

_READ_TIMEOUT_S = 28
"""A function behind the gateway has 29 s; the machine's own deadline is before that."""
_MOST_INPUT_BYTES = 262_144
_THROTTLES = frozenset(
    {"ThrottlingException", "ExecutionLimitExceeded", "TooManyRequestsException"}
)


@dataclass(frozen=True)
class Started:
    """What an execution is told beside the request. `client_retry_count` says how often the client sent it
    before; None for one that does not tell. `noted` is for whoever looks a job up, and no state reads it.
    `kind` and `deadline_at_ms` are told where they are other than of an answer with a deadline of its own."""

    request_id: str
    caller_id: str
    caller: Mapping[str, Any]
    mode: Mode
    idempotency_key: str = ""
    client_retry_count: int | None = None
    noted: Mapping[str, Any] | None = None
    kind: Kind | None = None
    deadline_at_ms: int | None = None

    def input_with(self, request: Mapping[str, Any]) -> dict[str, Any]:
        told = {
            "request": request,
            "request_id": self.request_id,
            "caller_id": self.caller_id,
            "caller": self.caller,
            "mode": self.mode,
            "idempotency_key": self.idempotency_key,
            "client_retry_count": self.client_retry_count,
            "noted": self.noted,
            "kind": self.kind,
            "deadline_at_ms": self.deadline_at_ms,
        }
        return {name: value for name, value in told.items() if value is not None}


def run(machine_arn: str, started: Started, request: Mapping[str, Any]) -> dict[str, Any]:
    """The body that the native route would answer with, be it an answer or an error's.

    Raises `PayloadTooLarge`, `RateLimited`, `DeadlineExceeded`, and `ClientError` where Step Functions
    refuses.
    """
    text = json.dumps(started.input_with(request), ensure_ascii=False, separators=(",", ":"))
    if len(text.encode("utf-8", "surrogatepass")) > _MOST_INPUT_BYTES:
        raise PayloadTooLarge("The request is over 256 KiB.")
    try:
        told = machines().start_sync_execution(
            stateMachineArn=machine_arn, name=started.request_id, input=text
        )
    except ReadTimeoutError:
        raise DeadlineExceeded("The request's deadline passed.") from None
    except ClientError as error:
        if error.response["Error"]["Code"] in _THROTTLES:
            raise RateLimited("Too many requests at once.", retry_after_seconds=1) from None
        raise
    return _body(told, started.request_id)


def _body(told: Mapping[str, Any], request_id: str) -> dict[str, Any]:
    """As `stacks/api/templates/start_response.vtl` has it."""
    if told["status"] == "SUCCEEDED":
        answer: dict[str, Any] = json.loads(told["output"])
        return answer
    if told.get("error") in HTTP_STATUS and told.get("cause", "").startswith("{"):
        refusal: dict[str, Any] = json.loads(told["cause"])
        return refusal
    if told["status"] == "TIMED_OUT":
        return error_body(DeadlineExceeded("The request's deadline passed."), request_id)
    return error_body(EngineError("The engine failed inside."), request_id)


def machines() -> Any:
    """It starts an execution once: whoever asks twice pays twice."""
    return client("stepfunctions", _READ_TIMEOUT_S, 1)
