"""What a finished request tells of its models' health."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from functions.shared.contracts.decision import RankedModel
from functions.shared.contracts.states import SUCCESS, Attempt, RecordInput
from functions.shared.health.counts import (
    CALLERS_OF,
    HISTORY_DAYS,
    LAST_ERROR,
    WHOLE_PROVIDER,
    WINDOW_MINUTES,
    attribute,
    caller_number,
    day_id,
    minute_id,
)
from functions.shared.storage.state_table import Change
from functions.shared.times import epoch_ms

_KEPT_MINUTES = timedelta(minutes=2 * WINDOW_MINUTES)
_KEPT_DAYS = timedelta(days=HISTORY_DAYS + 1)

_KEY_REFUSED = "ProviderAuthFailed"
_PROVIDER_BLOCKED = frozenset({_KEY_REFUSED, "ProviderQuotaExhausted"})
_MODEL_BLOCKED = "ModelNotFound"
_COUNTED_AS = {
    # The model was there and read the request, whatever came of it.
    **dict.fromkeys(
        (
            "success",
            "AnswerUnfit",
            "AnswerUnsure",
            "ContentFiltered",
            "ContextWindowExceeded",
            "InvalidRequest",
        ),
        "ok",
    ),
    **dict.fromkeys(
        ("ProviderOverloaded", "ProviderUnavailable", "ProviderBadResponse", "ProviderTimeout"),
        "faults",
    ),
    **dict.fromkeys((*_PROVIDER_BLOCKED, _MODEL_BLOCKED), "faults"),
    "ProviderThrottled": "throttles",
}
"""By the outcome of an attempt. Any other is a failure of our own, or of nobody, and says nothing of the
model."""
_DOUBTED = "RequestDoubted"


def changes_of(event: RecordInput, attempts: list[Attempt], now: datetime) -> Iterator[Change]:
    """One change per provider and item; nothing of simulated attempts, which say nothing of it."""
    known = _candidates_of(event)
    is_answered = any(one.outcome == SUCCESS for one in attempts)
    real = [one for one in attempts if one.model in known and not known[one.model].mock]
    for provider in dict.fromkeys(one.provider for one in real):
        of_provider = [one for one in real if one.provider == provider]
        yield from _minute(
            provider,
            of_provider,
            known,
            caller_number(event.caller_id),
            now,
            is_answered=is_answered,
        )
        yield from _day(provider, of_provider, event, now)


def _candidates_of(event: RecordInput) -> dict[str, RankedModel]:
    decision = event.decision
    if decision is None:
        return {}
    return {one.model: one for one in (*decision.candidates, *decision.reserve)}


def _minute(
    provider: str,
    attempts: list[Attempt],
    known: dict[str, RankedModel],
    caller: int,
    now: datetime,
    *,
    is_answered: bool,
) -> Iterator[Change]:
    added: Counter[str] = Counter()
    latest: dict[str, int | str] = {}
    members: dict[str, set[int]] = {}
    now_ms = epoch_ms(now)
    for attempt in _without_old_keys(attempts):
        counted = _counted_as(attempt, known[attempt.model], is_answered=is_answered)
        if counted is not None:
            added[attribute(counted, attempt.model)] += 1
        if counted in CALLERS_OF:
            members[attribute(CALLERS_OF[counted], attempt.model)] = {caller}
        if counted in {"faults", "throttles"}:
            latest[attribute(LAST_ERROR, WHOLE_PROVIDER)] = f"{now_ms} {attempt.outcome}"
        if counted == "faults":
            latest[attribute("last_fault_at_ms", attempt.model)] = now_ms
        if attempt.outcome in _PROVIDER_BLOCKED:
            latest[attribute("blocked_at_ms", WHOLE_PROVIDER)] = now_ms
        elif attempt.outcome == _MODEL_BLOCKED:
            latest[attribute("blocked_at_ms", attempt.model)] = now_ms
    if added or latest:
        yield Change(
            minute_id(provider, now), int((now + _KEPT_MINUTES).timestamp()), added, latest, members
        )


def _without_old_keys(attempts: list[Attempt]) -> Iterator[Attempt]:
    """A key that was refused before a newer one was taken says nothing of the provider."""
    for number, attempt in enumerate(attempts, start=1):
        refused_again = any(one.outcome == attempt.outcome for one in attempts[number:])
        if attempt.outcome != _KEY_REFUSED or number == len(attempts) or refused_again:
            yield attempt


def _counted_as(attempt: Attempt, candidate: RankedModel, *, is_answered: bool) -> str | None:
    if attempt.outcome == _DOUBTED:
        # Another provider took the request: so it was not at fault.
        return "faults" if is_answered else None
    if attempt.outcome == "ProviderTimeout" and attempt.elapsed_ms < candidate.p95_latency_ms:
        # It was not given the time that it usually needs.
        return None
    return _COUNTED_AS.get(attempt.outcome)


def _day(
    provider: str, attempts: list[Attempt], event: RecordInput, now: datetime
) -> Iterator[Change]:
    added: Counter[str] = Counter()
    for attempt in attempts:
        if attempt.outcome != "success" or attempt.usage is None or event.profile is None:
            continue
        model, task, tokens = attempt.model, event.profile.task, attempt.usage.output_tokens
        added[attribute("answers", model)] += 1
        added[attribute("latency_ms", model)] += attempt.elapsed_ms
        added[attribute("latency_ms_squared", model)] += attempt.elapsed_ms**2
        added[attribute("output_tokens", model)] += tokens
        added[attribute("answers", model, task)] += 1
        added[attribute("output_tokens", model, task)] += tokens
        added[attribute("output_tokens_squared", model, task)] += tokens**2
    if added:
        yield Change(day_id(provider, now), int((now + _KEPT_DAYS).timestamp()), added)
