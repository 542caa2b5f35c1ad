"""What each state hands to the next."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from functions.shared.caller import Caller
from functions.shared.contracts.answer import (
    Answer,
    BilledUsage,
    EmbeddingAnswer,
    FinishReason,
    Performance,
)
from functions.shared.contracts.decision import Candidate, Claim, Decision, Profile, Unset
from functions.shared.contracts.embedding import EmbeddingRequest, kind_of_request
from functions.shared.contracts.request import GenerateRequest
from functions.shared.vocabulary import Count, Frozen, Kind, Mode, NanoUsd, Usage, Zero

UNLIMITED_NANO_USD = 10**15
"""A million US dollars, more than any request can cost, and exact in every JSON."""


AnyRequest = Annotated[
    Annotated[GenerateRequest, Tag("answer")] | Annotated[EmbeddingRequest, Tag("embedding")],
    Discriminator(kind_of_request),
]


def for_text(request: AnyRequest) -> GenerateRequest:
    """Raises `TypeError` where vectors are asked for."""
    if isinstance(request, EmbeddingRequest):
        raise TypeError("Vectors are asked for, and no text.")
    return request


class CachedFrom(Frozen):
    """The request whose answer was given again, and who had answered it."""

    request_id: str
    model: str
    provider: str


class LoggedAnswer(Frozen):
    """What the request log keeps of an answer."""

    mock: bool
    finish_reason: FinishReason
    usage: BilledUsage
    performance: Performance
    cached_from: Annotated[CachedFrom | None, Unset] = None


class ClassifyInput(Frozen):
    """`request` is whatever the caller sent; `started_at` is the execution's start, ISO 8601.
    `client_retry_count`: how often the client sent it before, None where it does not tell.
    `deadline_at_ms` is that of whoever waits for more executions than this one, 0 for nobody."""

    # Not JsonValue: pydantic gives up on deep nesting, which is the caller's error and not ours.
    request: Any
    request_id: str
    caller_id: str
    caller: Caller = Field(default_factory=Caller)
    mode: Mode
    started_at: str
    idempotency_key: str = ""
    client_retry_count: Count | None = None
    kind: Kind = "answer"
    deadline_at_ms: Count = 0


class ClassifyOutput(Frozen):
    """`limit_nano_usd` is what all calls together may cost. `logged_prompt` is for the request log, and
    empty unless the stage logs prompts."""

    request: AnyRequest
    profile: Profile
    limit_nano_usd: NanoUsd = UNLIMITED_NANO_USD
    logged_prompt: str = ""


class ClaimInput(Frozen):
    """`submitting`: the request is a job that is not started yet, and does not look into the cache."""

    profile: Profile
    submitting: bool = False


Outcome = Literal["held", "wait", "hit", "told", "running", "ended"]


class ClaimOutput(Frozen):
    """What became of the claims of a profile; `claims` are those that it holds now.

    `held`: go on; `wait`: somebody makes the answer, look again in `wait_seconds`; `hit`: here is a kept
    `answer`, to be recorded; `told`: `answer` is all that there is to say, be it the first answer or an
    error's body. `running` and `ended` tell of a job that was submitted before, as `first_request_id`.
    """

    outcome: Outcome
    claims: list[Claim] = Field(default_factory=list)
    first_request_id: str
    wait_seconds: Count = 0
    answer: dict[str, Any] | None = None
    logged_answer: LoggedAnswer | None = None


class ScoreInput(Frozen):
    """`claimed`: the profile's claims are those that the request holds."""

    profile: Profile
    claimed: bool = False


class ScoreOutput(Frozen):
    """`candidates` in the order in which they are called, the decision's reserve last."""

    decision: Decision
    candidates: list[Candidate]


class CaughtError(Frozen):
    """An error as the state machine's `Catch` sees it."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    name: str = Field(alias="Error")
    cause: str = Field(default="", alias="Cause")


class FailedAttempt(Frozen):
    """A candidate and what its attempt ended in."""

    candidate: Candidate
    error: CaughtError


class InvokeInput(Frozen):
    """`remaining` counts the candidates after this one. `retry_count` says how often AWS could not run
    the function before, since `entered_at`, ISO 8601."""

    request: AnyRequest
    profile: Profile
    decision: Decision
    candidate: Candidate
    failures: list[FailedAttempt]
    remaining: Count
    retry_count: Count = 0
    entered_at: str = ""


class Call(Frozen):
    """What one call of a provider took, and what it was billed.

    `try_number` counts the calls of the same candidate; `waited_ms` is the wait before this one, and
    `retries` how often AWS could not run the function that makes it, for `retried_ms` of that wait. `own_ms`
    is what the function took beside the call. `cost_nano_usd` is what the provider
    bills for the usage that it told; `possibly_billed_nano_usd` is what it may bill for an answer that
    never came; `simulated_cost_nano_usd` is what nobody bills. `charged_nano_usd` is what the caller's
    budget is charged, where it has one: what is billed, or all that was held where that is not known.
    """

    model_config = ConfigDict(populate_by_name=True)

    try_number: Annotated[int, Field(ge=1, alias="try", exclude_if=lambda number: number == 1)] = 1
    elapsed_ms: Count = 0
    waited_ms: Zero = 0
    retries: Zero = 0
    retried_ms: Zero = 0
    own_ms: Annotated[float, Field(ge=0, exclude_if=lambda own_ms: not own_ms)] = 0.0
    usage: Usage | None = None
    cost_nano_usd: NanoUsd = 0
    possibly_billed_nano_usd: Zero = 0
    simulated_cost_nano_usd: Zero = 0
    charged_nano_usd: Zero = 0
    price_version: str | None = None


SUCCESS = "success"
"""The outcome of what ended in no error."""


class Attempt(Call):
    """A call as the request log keeps it. `outcome` is `SUCCESS` or the class of its error."""

    model: str
    provider: str
    outcome: str
    message: str | None = None


class InvokeOutput(Frozen):
    answer: Answer
    logged_answer: LoggedAnswer
    attempt: Attempt
    error: None = None


class EmbeddedOutput(Frozen):
    """The same with vectors."""

    answer: EmbeddingAnswer
    logged_answer: LoggedAnswer
    attempt: Attempt
    error: None = None


class RefusedOutput(Frozen):
    """The same of a request that the provider refused, and said why: `answer` is the error's body.
    The reason may quote the prompt, and an exception's text would be logged; `error` has none."""

    answer: dict[str, Any]
    logged_answer: None = None
    attempt: Attempt
    error: CaughtError


class StateTimes(Frozen):
    """How long the handlers of the states ran that ended well, each in all its runs; None is never.
    `awaited_ms` are the pauses that no attempt tells of: for the answer to another request."""

    classify_ms: Annotated[float, Field(ge=0)] | None = None
    claim_ms: Annotated[float, Field(ge=0)] | None = None
    score_ms: Annotated[float, Field(ge=0)] | None = None
    awaited_ms: Count = 0


class RecordInput(Frozen):
    """Either `answer`, or `error`. `attempt` is the last one, where it answered or was refused with a
    reason; the others are `failures`. Without a `profile` the request never passed Classify. `stopped` is
    how the execution of a job ended from outside, at `stopped_at`: its last attempt may have answered all
    the same. Any other came to its end at `ended_at`; both in ISO 8601. Without `times` and `ended_at` it is
    of an earlier version."""

    request_id: str
    caller_id: str
    mode: Mode
    started_at: str
    profile: Profile | None = None
    decision: Decision | None = None
    failures: list[FailedAttempt] = Field(default_factory=list)
    answer: LoggedAnswer | None = None
    attempt: Attempt | None = None
    error: CaughtError | None = None
    logged_prompt: str = ""
    stopped: Literal["ABORTED", "TIMED_OUT"] | None = None
    stopped_at: str | None = None
    ended_at: str | None = None
    times: StateTimes | None = None

    @model_validator(mode="after")
    def _ended_one_way(self) -> Self:
        if (self.answer is None) == (self.error is None):
            raise ValueError("a request ends with an answer or with an error")
        return self


class RecordOutput(Frozen):
    """`code` and `body` of a failure, for the machine's end; empty for an answered request."""

    code: str = ""
    body: dict[str, Any] = Field(default_factory=dict)


def json_of(model: BaseModel) -> dict[str, Any]:
    """A model as a state hands it on: JSON values, with nothing that was left unset as null."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)
