"""Every error the engine raises on purpose. A class name is what `Retry` and `Catch` match in the state machine.

EngineError
├── InvalidRequest            stop, 400
├── PayloadTooLarge           stop, 413
├── UnsupportedMediaType      stop, 415
├── NoEligibleModel           stop, 422
├── NotFound                  stop, 404
├── Forbidden                 stop, 403
├── Unclaimed                 before it is scored, the state Claim: a key, or an answer to be kept
├── RequestInProgress         409: the first request of an Idempotency-Key still runs
├── IdempotencyConflict       409: the key was used for another request
├── BudgetExceeded            not called: the next candidate that the budget pays for, else 402
├── RateLimited               stop, 429
│   ├── TokensExceeded            not called: this minute's tokens are used up, stop
│   └── BudgetUnavailable         not called: what is left is not known; models that cost nothing, else 429
├── ServiceUnavailable        503, of the paths that read what AWS keeps, and of keys that cannot be looked up
├── ContentFiltered           stop, 422: never shopped around, unless the stage has it so
├── DeadlineExceeded          stop, 504
├── Aborted                   of a job that its caller stopped
└── ProviderError             next candidate; 502 when none is left
    ├── ProviderThrottled         429 of the provider: next; where none is left, those that are free first
    ├── ProviderOverloaded        503, 529: once again, then next
    ├── ProviderUnavailable       other 5xx: once again, then next; next at once without a connection
    ├── ProviderBadResponse       an answer that cannot be read: next
    ├── ProviderTimeout           next; the slow call may have been billed
    ├── ProviderQuotaExhausted    the account's money is used up: next at once
    ├── ProviderAuthFailed        our key or permission: next at once, or again with a newer key
    ├── ModelNotFound             next at once
    ├── AnswerUnfit               an answer that is not what was asked: one other model
    ├── AnswerUnsure              next; this one again as the last resort
    ├── ContextWindowExceeded     next candidate with a larger window, else 400
    ├── RequestUnsupported        this candidate cannot take it: one that can, else 400
    ├── RequestDoubted            an unknown 400: another provider confirms or refutes it, once
    └── CostLimitReached          what is left of `max_cost_usd` pays for no other candidate
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from functions.shared.never_ran import TOO_MANY_REQUESTS

if TYPE_CHECKING:
    # Pages are served without pydantic.
    from functions.shared.vocabulary import Usage

MAX_MESSAGE_CHARACTERS = 500
UNREADABLE = "not JSON, nested too deeply, or with a number of thousands of digits"
KEY_UNKNOWN = "Whether this request was made before is not known for the moment."
BUSY_S = 5
"""When to come back, where all of the account's functions are busy."""
_NOT_VALID = "The request is not valid."
_TOLD = ("message", "details", "retry_after_seconds")
_TO_THE_MACHINE = ("spent", "wait_seconds", "again", "free_at_ms", "affordable_nano_usd")
_WHERE_KNOWN = ("call", "request_id")

Billed = Literal["none", "known", "assumed"]
"""Whether a provider bills a call that ended in an error: certainly not, certainly so, or perhaps."""


class EngineError(Exception):
    """`str()` is a JSON object, because Step Functions hands on nothing of an exception but its name and text.

    Both write it to their logs, so it has our own words only. A provider's, which may quote the prompt,
    are the `reason`: it reaches the caller inside an answer, and nothing else. `request_id` is for
    whoever reads the log.

    Of an error that ended a call, `billed` and `usage` say what the provider's bill is made from. From
    them the provider function makes the `call`, as the request log keeps it, and tells the state machine
    how many nano-dollars it `spent` of the caller's cost limit at most, whether to call the same candidate
    `again`, after `wait_seconds`, and when one that asked for a wait is free again: `free_at_ms`, 0 where
    waiting does not help. `told_wait_seconds` is the wait that the provider told: 0 is at once, None untold.
    `affordable_nano_usd` is what another candidate may cost at the least, where a budget refused this one.
    """

    code: ClassVar[str] = "internal_error"
    billed: Billed = "assumed"
    repeatable: bool = False
    """Whether the same call may succeed in a moment."""
    made: str | None = None
    """What had come of an answer that broke off: `usage` is as far as it was told until then."""

    def __init__(
        self,
        message: str,
        *,
        details: list[dict[str, Any]] | None = None,
        retry_after_seconds: int = 0,
        reason: str = "",
    ) -> None:
        self.message = message[:MAX_MESSAGE_CHARACTERS]
        self.reason = reason
        self.request_id = ""
        self.details = details or []
        self.retry_after_seconds = retry_after_seconds
        self.usage: Usage | None = None
        self.call: Mapping[str, Any] | None = None
        self.spent = 0
        self.wait_seconds = 0
        self.again = False
        self.told_wait_seconds: float | None = None
        self.free_at_ms = 0
        self.affordable_nano_usd = 0
        super().__init__(self.message)

    def __str__(self) -> str:
        told = {name: getattr(self, name) for name in (*_TOLD, *_TO_THE_MACHINE)}
        known = {name: getattr(self, name) for name in _WHERE_KNOWN}
        return json.dumps(told | {name: value for name, value in known.items() if value})


def problem_at(field: str, problem: str) -> dict[str, str]:
    """What is wrong with one field of a request, for the `details` of an error."""
    return {"field": field, "problem": problem}


class InvalidRequest(EngineError):
    """The caller's request breaks the contract, or the provider refused it as malformed."""

    code = "invalid_request"
    billed = "none"

    @classmethod
    def at(cls, field: str, problem: str, message: str = _NOT_VALID) -> Self:
        """For a single field."""
        return cls(message, details=[problem_at(field, problem)])

    @classmethod
    def of(cls, problems: list[dict[str, str]]) -> Self:
        """For any number of fields, each as `problem_at` has it."""
        return cls(_NOT_VALID, details=problems)


class PayloadTooLarge(EngineError):
    """The request would not pass through the state machine's 256 KiB states together with its answer."""

    code = "payload_too_large"


class UnsupportedMediaType(EngineError):
    """The gateway says so itself, except where it hands bodies on to a function."""

    code = "unsupported_media_type"


class NoEligibleModel(EngineError):
    """The caller's limits exclude every model; `details` names each one and why."""

    code = "no_eligible_model"


class NotFound(EngineError):
    """No such path, job, request or model, or it belongs to another key."""

    code = "not_found"


class Forbidden(EngineError):
    """The caller's key is good, but not for this. A missing or wrong key is the gateway's to refuse."""

    code = "forbidden"


class Unclaimed(EngineError):
    """The request makes claims that nobody has looked after; no caller is told."""

    code = "request_in_progress"


class RequestInProgress(EngineError):
    """The first request with this Idempotency-Key, or the one that this repeats, has no answer yet."""

    code = "request_in_progress"


class IdempotencyConflict(EngineError):
    """This Idempotency-Key was used for another request."""

    code = "idempotency_conflict"


class BudgetExceeded(EngineError):
    """The caller's budget, or the stage's, does not pay for the call; `details` tells each limit, what is
    left of it and when it renews."""

    code = "budget_exceeded"
    billed = "none"


class RateLimited(EngineError):
    """An AWS service throttled us on the caller's behalf."""

    code = "rate_limited"


class TokensExceeded(RateLimited):
    """The caller's tokens of this minute are used up; `retry_after_seconds` until the next one."""

    billed = "none"


class BudgetUnavailable(RateLimited):
    """The budgets cannot be read or written: nothing that costs anything is called."""

    billed = "none"


class ServiceUnavailable(EngineError):
    """An AWS service that a path reads from refuses for the moment, or cannot be reached."""

    code = "service_unavailable"


class ContentFiltered(EngineError):
    """A provider refused on policy."""

    code = "content_filtered"
    billed = "none"


class DeadlineExceeded(EngineError):
    """Too little of the request's deadline is left for another attempt, or a job's time is up."""

    code = "deadline_exceeded"


class Aborted(EngineError):
    """The caller stopped the job."""

    code = "aborted"


class ProviderError(EngineError):
    """One attempt failed for a reason that another candidate may not have."""

    code = "all_providers_failed"


class ProviderThrottled(ProviderError):
    """The provider asks for fewer calls; `told_wait_seconds` is None where it did not say for how long."""

    billed = "none"


class ProviderOverloaded(ProviderError):
    """The provider has no capacity just now."""

    billed = "none"
    repeatable = True


class ProviderUnavailable(ProviderError):
    """The provider failed inside, or cannot be reached."""

    billed: Billed = "none"
    repeatable = True

    @classmethod
    def unreached(cls, provider: str) -> Self:
        """Nothing was sent, and whoever refuses a connection refuses the next one, too."""
        error = cls(f"{provider} cannot be reached.")
        error.repeatable = False
        return error

    @classmethod
    def broken_off(cls, provider: str) -> Self:
        """The call was sent: what came of it, only the provider knows."""
        error = cls(f"{provider} broke off.")
        error.repeatable, error.billed = False, "assumed"
        return error


class ProviderBadResponse(ProviderError):
    """The provider's answer is not what its interface promises."""


class ProviderTimeout(ProviderError):
    """No answer within the attempt's share of the deadline; it may have been billed."""


class ProviderQuotaExhausted(ProviderError):
    """Our account with the provider has no money or quota left."""

    billed = "none"


class ProviderAuthFailed(ProviderError):
    """The provider does not accept our key."""

    billed = "none"


class ModelNotFound(ProviderError):
    """The provider does not know the model (any more)."""

    billed = "none"


class AnswerUnfit(ProviderError):
    """A readable answer that is not what the caller asked for: the request may be to blame as well."""

    billed = "known"


class AnswerUnsure(ProviderError):
    """A local model answered with less confidence than its threshold."""

    billed = "known"


class ContextWindowExceeded(ProviderError):
    """The request does not fit the model's context window."""

    billed = "none"


class RequestUnsupported(ProviderError):
    """This candidate cannot take the request, and others may: nobody's fault."""

    code = "invalid_request"
    billed = "none"


class RequestDoubted(ProviderError):
    """A provider refused a request that passed our own check, and its words are none that we know: whether
    the request is at fault or the account, another provider tells."""

    code = "invalid_request"
    billed = "none"


class CostLimitReached(ProviderError):
    """The request has spent so much on failed attempts that no other one fits its limit."""


HTTP_STATUS: dict[str, int] = {
    "invalid_request": 400, "unauthorized": 401, "budget_exceeded": 402, "forbidden": 403,
    "not_found": 404, "duplicate_request": 409, "request_in_progress": 409,
    "idempotency_conflict": 409,
    # Only inside a job, whose look-up is a 200 whatever became of it.
    "aborted": 409,
    "payload_too_large": 413, "unsupported_media_type": 415, "no_eligible_model": 422,
    "content_filtered": 422, "rate_limited": 429, "quota_exceeded": 429, "internal_error": 500,
    "all_providers_failed": 502, "service_unavailable": 503, "deadline_exceeded": 504,
}  # fmt: skip
"""The contract's error codes and the HTTP status of each."""


def _tree(root: type[EngineError]) -> dict[str, type[EngineError]]:
    classes = {root.__name__: root}
    for child in root.__subclasses__():
        classes.update(_tree(child))
    return classes


ERRORS_BY_NAME = _tree(EngineError)
"""Class name as Step Functions reports it → class."""


def error_body(error: EngineError, request_id: str) -> dict[str, Any]:
    """The contract's error shape; empty `details` and no wait are left out."""
    content: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details:
        content["details"] = error.details
    if error.retry_after_seconds:
        content["retry_after_seconds"] = error.retry_after_seconds
    return {"success": False, "error": content, "request_id": request_id}


def is_foreign(name: str) -> bool:
    """Whether an error's name says that no code of ours was there to raise it."""
    return type(from_execution(name, "")) is EngineError and name != EngineError.__name__


def from_execution(name: str, cause: str) -> EngineError:
    """Rebuild an error from what a `Catch` sees: the class name, and Lambda's JSON of the exception.

    A function that Lambda had no room for is a request too many; an event that no function can read is
    the caller's, whose numbers are as long as they were sent.
    An unknown name (a crash, a Lambda or Step Functions fault) becomes a plain `EngineError` whose
    message names only the error class: its cause may hold a stack trace or a prompt.
    """
    if name == "Runtime.UnmarshalError":
        return InvalidRequest.at("body", UNREADABLE)
    if name == TOO_MANY_REQUESTS:
        return RateLimited("Too many requests at once.", retry_after_seconds=BUSY_S)
    error_class = ERRORS_BY_NAME.get(name)
    if error_class is None:
        return EngineError(f"The engine failed inside ({name}).")
    try:
        content = json.loads(json.loads(cause)["errorMessage"])
        error = error_class(**{name: content[name] for name in _TOLD})
    except (ValueError, KeyError, TypeError):
        return error_class(f"{name} without a readable cause.")
    error.call = content.get("call")
    return error
