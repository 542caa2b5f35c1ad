"""Who answers, where several ask the same: the first; the others get its answer, or are told to wait."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.claim.given_again import given_again
from functions.shared.attempt_limits import (
    HOLD_MARGIN_S,
    LONGEST_LOOK_S,
    OVERRUN_S,
    PATIENCE_SHARE,
    SUBMISSION_S,
)
from functions.shared.contracts.decision import CACHE, IDEMPOTENCY, RETRY, Claim, Profile
from functions.shared.contracts.states import ClaimInput, ClaimOutput, Outcome
from functions.shared.errors import (
    BUSY_S,
    KEY_UNKNOWN,
    EngineError,
    IdempotencyConflict,
    RequestInProgress,
    ServiceUnavailable,
    error_body,
)
from functions.shared.kept_answers.answer_table import AnswerTable, KeptAnswer
from functions.shared.telemetry.observability import logger

IN_PROGRESS_S = 1
"""When to ask again for an answer that is being made."""


def claim(event: ClaimInput, answers: AnswerTable, now_s: float) -> ClaimOutput:
    """`now_s` in epoch seconds. Raises `ServiceUnavailable` where nobody can tell whether the request of a
    caller's key, or one that its client sends again, was made before. What a caller means to be a call, and
    a cache that cannot be read, cost nobody the answer."""
    return _Claiming(event, answers, now_s).outcome()


@dataclass(frozen=True)
class _Claiming:
    event: ClaimInput
    answers: AnswerTable
    now_s: float
    began: float = field(default_factory=time.perf_counter)

    def outcome(self) -> ClaimOutput:
        by_kind = {one.kind: one for one in self._profile.claims}
        key, retry, cache = (by_kind.get(kind) for kind in (IDEMPOTENCY, RETRY, CACHE))
        held = list[Claim]()
        if key:
            if there := self._under_key(key):
                return self._of_key(there, key)
            held = [key]
        elif retry:
            first, held = self._repeated(retry)
            if first:
                return self._of_first_call(first)
        if cache is None or self.event.submitting:
            return self._held(held)
        try:
            found = self.answers.take(cache, self._profile.request_id, self._until_s)
        except (BotoCoreError, ClientError) as failure:
            logger.warning("cache not read", error_type=type(failure).__name__)
            return self._held(held)
        if found is None:
            return self._held([*held, cache])
        return self._of_cache(found, held)

    @property
    def _profile(self) -> Profile:
        return self.event.profile

    @property
    def _until_s(self) -> int:
        """When the request has ended, one way or the other. A job that was submitted claims again as soon as
        it runs."""
        if self.event.submitting:
            return round(self.now_s) + SUBMISSION_S
        return round(self._profile.deadline_at_ms / 1000) + OVERRUN_S + HOLD_MARGIN_S

    @property
    def _is_running_job(self) -> bool:
        """It was promised: what it may have repeated was settled when it was submitted."""
        return self._profile.mode == "async" and not self.event.submitting

    def _under_key(self, key: Claim) -> KeptAnswer | None:
        try:
            return self._taken(key)
        except (BotoCoreError, ClientError) as failure:
            raise _unknown(key, failure) from None

    def _taken(self, claim: Claim) -> KeptAnswer | None:
        profile = self._profile
        return self.answers.take(claim, profile.request_id, self._until_s, profile.started_at_ms)

    def _repeated(self, retry: Claim) -> tuple[KeptAnswer | None, list[Claim]]:
        """The call to join; else what is held. A caller may mean the same twice: the later call takes the claim,
        and the earlier goes on without. But its own retry may have come first, while it was on its way."""
        is_meant = self._is_running_job or not retry.joins
        take = self._taken if retry.joins or self._is_running_job else self._taken_over
        try:
            there = take(retry)
        except (BotoCoreError, ClientError) as failure:
            if not is_meant:
                raise _unknown(retry, failure) from None
            logger.warning("retries not joined", error_type=type(failure).__name__)
            return None, []
        if there is None:
            return None, [retry]
        is_joined = not self._is_running_job and (retry.joins or there.joins) and not there.passed
        return (there if is_joined else None), []

    def _taken_over(self, retry: Claim) -> KeptAnswer | None:
        profile = self._profile
        began_at_ms = profile.started_at_ms
        return self.answers.take_over(retry, profile.request_id, self._until_s, began_at_ms)

    def _of_first_call(self, found: KeptAnswer) -> ClaimOutput:
        """Its client knows of nothing yet: neither of an answer, nor of a job's id."""
        if self.event.submitting:
            return ClaimOutput(outcome="running", first_request_id=found.request_id)
        if found.answer is not None:
            return self._told(found.answer)
        if wait_s := self._wait_s():
            return self._waiting(found, wait_s)
        message = "The first call of this request is still running."
        return self._refused(RequestInProgress(message, retry_after_seconds=IN_PROGRESS_S))

    def _of_key(self, found: KeptAnswer, key: Claim) -> ClaimOutput:
        if found.fingerprint != key.fingerprint:
            message = "This Idempotency-Key was used for another request."
            return self._refused(IdempotencyConflict(message))
        if self.event.submitting:
            outcome: Outcome = "running" if found.answer is None else "ended"
            return ClaimOutput(outcome=outcome, first_request_id=found.request_id)
        if found.answer is None:
            message = "The first request with this Idempotency-Key is still running."
            return self._refused(RequestInProgress(message, retry_after_seconds=IN_PROGRESS_S))
        return self._told(found.answer)

    def _of_cache(self, found: KeptAnswer, held: list[Claim]) -> ClaimOutput:
        if found.answer is not None:
            return self._hit(found.answer, held)
        if found.passed or not (wait_s := self._wait_s()):
            return self._held(held)
        return self._waiting(found, wait_s)

    def _waiting(self, found: KeptAnswer, wait_s: int) -> ClaimOutput:
        return ClaimOutput(
            outcome="wait",
            claims=self._profile.claims,
            first_request_id=found.request_id,
            wait_seconds=wait_s,
        )

    def _hit(self, kept: dict[str, Any], held: list[Claim]) -> ClaimOutput:
        now_ms = 1000 * (self.now_s + time.perf_counter() - self.began)
        answer, logged = given_again(kept, self._profile, now_ms)
        # To whoever repeats this request it is the first answer, and no provider's function will keep it.
        for one in held:
            self.answers.keep_if_possible(one, self._profile.request_id, answer)
        return ClaimOutput(
            outcome="hit",
            claims=held,
            first_request_id=kept["request_id"],
            answer=answer,
            logged_answer=logged,
        )

    def _wait_s(self) -> int:
        """0 where the rest of the request's time is better spent on asking itself."""
        started_s = self._profile.started_at_ms / 1000
        whole_s = self._profile.deadline_at_ms / 1000 - started_s
        waited_s = self.now_s - started_s
        left_s = int(PATIENCE_SHARE * whole_s - waited_s)
        return max(0, min(round(waited_s / 4) or 1, LONGEST_LOOK_S, left_s))

    def _held(self, claims: list[Claim]) -> ClaimOutput:
        own = self._profile.request_id
        return ClaimOutput(outcome="held", claims=claims, first_request_id=own)

    def _told(self, answer: dict[str, Any]) -> ClaimOutput:
        return ClaimOutput(outcome="told", first_request_id=answer["request_id"], answer=answer)

    def _refused(self, error: EngineError) -> ClaimOutput:
        return self._told(error_body(error, self._profile.request_id))


def _unknown(claim: Claim, failure: Exception) -> ServiceUnavailable:
    logger.error("claim not read", kind=claim.kind, error_type=type(failure).__name__)
    return ServiceUnavailable(KEY_UNKNOWN, retry_after_seconds=BUSY_S)
