"""What each state hands to the next."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Self

from pydantic import (
    BaseModel,
    Field,
    model_validator,
)

from functions.shared.contracts.answer import Answer
from functions.shared.contracts.decision import Candidate, Profile, ScoreOutput
from functions.shared.contracts.request import GenerateRequest
from functions.shared.vocabulary import (
    Frozen,
    Mode,
    Usage,
    Usd,
)


class ClassifyInput(Frozen):
    """`request` is whatever the caller sent; `started_at` is the execution's start, ISO 8601."""

    # Not JsonValue: pydantic gives up on deep nesting, which is the caller's error and not ours.
    request: Any
    request_id: str
    caller_id: str
    mode: Mode
    started_at: str


class ClassifyOutput(Frozen):
    """`logged_prompt` is for the request log, and empty unless the stage logs prompts."""

    request: GenerateRequest
    profile: Profile
    logged_prompt: str = ""


class ScoreInput(Frozen):
    profile: Profile


class FailedAttempt(Frozen):
    """An attempt as the state machine's `Catch` saw it."""

    model: str
    provider: str
    name: str
    cause: str
    worst_case_cost_usd: Usd


class Attempt(Frozen):
    """One call of one provider, as the request log keeps it. `cost_usd` of a failed one is 0 unless
    it may have been billed, and then the worst case of it with `possibly_billed`."""

    model: str
    provider: str
    outcome: str
    elapsed_ms: int
    retries: int = 0
    usage: Usage | None = None
    cost_usd: Usd = Decimal(0)
    possibly_billed: bool = False
    message: str | None = None


class InvokeInput(Frozen):
    """`remaining` counts the candidates after this one; `retry_count` the retries of this one so far."""

    request: GenerateRequest
    profile: Profile
    decision: ScoreOutput
    candidate: Candidate
    failures: list[FailedAttempt]
    remaining: int
    retry_count: int


class InvokeOutput(Frozen):
    answer: Answer
    attempt: Attempt


class CaughtError(Frozen):
    name: str
    cause: str


class RecordInput(Frozen):
    """Either `answer` and `attempt`, or `error`. Without a `profile` the request never passed Classify."""

    request_id: str
    caller_id: str
    mode: Mode
    started_at: str
    profile: Profile | None = None
    decision: ScoreOutput | None = None
    failures: list[FailedAttempt] = Field(default_factory=list)
    answer: Answer | None = None
    attempt: Attempt | None = None
    error: CaughtError | None = None
    logged_prompt: str = ""

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
