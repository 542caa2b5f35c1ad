"""What each state hands to the next."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from functions.shared.contracts.answer import Answer, BilledUsage, FinishReason, Performance
from functions.shared.contracts.decision import Candidate, Decision, Profile
from functions.shared.contracts.request import GenerateRequest
from functions.shared.vocabulary import Count, Frozen, Mode, NanoUsd, Usage


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
    """`remaining` counts the candidates after this one; `retry_count` the retries of this one so far."""

    request: GenerateRequest
    profile: Profile
    decision: Decision
    candidate: Candidate
    failures: list[FailedAttempt]
    remaining: Count
    retry_count: Count


class Attempt(Frozen):
    """One call of one provider, as the request log keeps it. A failed one costs nothing unless it may
    have been billed, and then the worst case of it with `possibly_billed`."""

    model: str
    provider: str
    outcome: str
    elapsed_ms: Count
    retries: Count = 0
    usage: Usage | None = None
    cost_nano_usd: NanoUsd = 0
    possibly_billed: bool = False
    message: str | None = None


class LoggedAnswer(Frozen):
    """What the request log keeps of an answer."""

    mock: bool
    finish_reason: FinishReason
    usage: BilledUsage
    performance: Performance


class InvokeOutput(Frozen):
    answer: Answer
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


class RecordInput(Frozen):
    """Either `answer`, or `error`. `attempt` is the last one, where it answered or was refused with a
    reason; the others are `failures`. Without a `profile` the request never passed Classify."""

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
