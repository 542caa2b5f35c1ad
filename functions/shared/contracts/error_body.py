"""What a caller gets instead of an answer: `error_body` of `functions/shared/errors.py`, described."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from functions.shared.contracts.decision import Exclusion
from functions.shared.errors import HTTP_STATUS
from functions.shared.vocabulary import Count, Frozen, Usd

LONGER_THAN_ANY_WINDOW = "longer than every candidate's context window"
"""The problem of a request's body that no model reads whole."""

ErrorCode = Annotated[str, Field(json_schema_extra={"enum": list(HTTP_STATUS)})]
"""A text to what reads: a job of an earlier version may have ended by another."""


class FieldProblem(Frozen):
    """What is wrong with one field of a request, as `messages.0.content`."""

    field: str
    problem: str


class FailedCall(Frozen):
    """An attempt that failed. `error` is the class of the error."""

    model: str
    provider: str
    error: str
    elapsed_ms: Count
    message: str | None


class ShortLimit(Frozen):
    """A limit on money that does not pay for the call; without amounts where all callers share it."""

    limit: str
    limit_usd: Usd | None = None
    left_usd: Usd | None = None
    needed_usd: Usd | None = None
    renews_at: str | None


class ErrorContent(Frozen):
    """`details` are fields and what is wrong with them, models and why they are out, attempts, or limits.
    `execution_id` and `status_url` are of the job that is there already. `type` and `param` are OpenAI's: the
    gateway's own errors tell them on every route, as its clients may be the ones that read."""

    code: ErrorCode
    message: str
    # The last is whatever an earlier version told.
    details: list[FieldProblem | Exclusion | FailedCall | ShortLimit | dict[str, Any]] | None = None
    retry_after_seconds: Count | None = None
    execution_id: str | None = None
    status_url: str | None = None
    type: str | None = None
    param: str | None = None


class ErrorBody(Frozen):
    """The body of every answer but a 2xx or 304."""

    success: Literal[False] = False
    error: ErrorContent
    request_id: str
