"""What a finished request tells of its models' health."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from functions.shared.contracts.states import SUCCESS
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
from functions.shared.money.caller_spend import Row
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
            SUCCESS,
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

Attempt = Mapping[str, Any]
"""Of a row, JSON values."""
Ranked = Mapping[str, Mapping[str, Any]]
"""What was expected of each model that could be asked."""


def health_changes(row: Row) -> Iterator[Change]:
    """One change per provider and item; nothing of simulated attempts, which say nothing of it."""
    decision = row.get("decision", {})
    ranked = (*decision.get("candidates", ()), *decision.get("reserve", ()))
    known = {one["model"]: one for one in ranked}
    real = [one for one in row["attempts"] if not known.get(one["model"], {"mock": True})["mock"]]
    for provider in dict.fromkeys(one["provider"] for one in real):
        attempts = [one for one in real if one["provider"] == provider]
        yield from _minute(provider, attempts, known, row)
        yield from _day(provider, attempts, row)


def _minute(
    provider: str, attempts: Sequence[Attempt], known: Ranked, row: Row
) -> Iterator[Change]:
    added: Counter[str] = Counter()
    latest: dict[str, int | str] = {}
    members: dict[str, set[int]] = {}
    now = datetime.fromisoformat(row["finished_at"])
    now_ms, caller = epoch_ms(now), caller_number(row["caller_id"])
    is_answered = any(one["outcome"] == SUCCESS for one in row["attempts"])
    for attempt in _without_old_keys(attempts):
        model, outcome = attempt["model"], attempt["outcome"]
        counted = _counted_as(attempt, known[model], is_answered=is_answered)
        if counted is not None:
            added[attribute(counted, model)] += 1
        if counted in CALLERS_OF:
            members[attribute(CALLERS_OF[counted], model)] = {caller}
        if counted in {"faults", "throttles"}:
            latest[attribute(LAST_ERROR, WHOLE_PROVIDER)] = f"{now_ms} {outcome}"
        if counted == "faults":
            latest[attribute("last_fault_at_ms", model)] = now_ms
        if outcome in _PROVIDER_BLOCKED:
            latest[attribute("blocked_at_ms", WHOLE_PROVIDER)] = now_ms
        elif outcome == _MODEL_BLOCKED:
            latest[attribute("blocked_at_ms", model)] = now_ms
    if added or latest:
        expires_at = int((now + _KEPT_MINUTES).timestamp())
        yield Change(minute_id(provider, now), expires_at, added, latest, members)


def _without_old_keys(attempts: Sequence[Attempt]) -> Iterator[Attempt]:
    """A key that was refused before a newer one was taken says nothing of the provider."""
    for number, attempt in enumerate(attempts, start=1):
        refused_again = any(one["outcome"] == attempt["outcome"] for one in attempts[number:])
        if attempt["outcome"] != _KEY_REFUSED or number == len(attempts) or refused_again:
            yield attempt


def _counted_as(attempt: Attempt, expected: Mapping[str, Any], *, is_answered: bool) -> str | None:
    if attempt["outcome"] == _DOUBTED:
        # Another provider took the request: so it was not at fault.
        return "faults" if is_answered else None
    is_hurried = attempt["elapsed_ms"] < expected["p95_latency_ms"]
    if attempt["outcome"] == "ProviderTimeout" and is_hurried:
        # It was not given the time that it usually needs.
        return None
    return _COUNTED_AS.get(attempt["outcome"])


def _day(provider: str, attempts: Sequence[Attempt], row: Row) -> Iterator[Change]:
    added: Counter[str] = Counter()
    now, task = datetime.fromisoformat(row["finished_at"]), row.get("task")
    for attempt in attempts:
        if attempt["outcome"] != SUCCESS or "usage" not in attempt or task is None:
            continue
        model, tokens = attempt["model"], attempt["usage"]["output_tokens"]
        added[attribute("answers", model)] += 1
        added[attribute("latency_ms", model)] += attempt["elapsed_ms"]
        added[attribute("latency_ms_squared", model)] += attempt["elapsed_ms"] ** 2
        added[attribute("output_tokens", model)] += tokens
        added[attribute("answers", model, task)] += 1
        added[attribute("output_tokens", model, task)] += tokens
        added[attribute("output_tokens_squared", model, task)] += tokens**2
    if added:
        yield Change(day_id(provider, now), int((now + _KEPT_DAYS).timestamp()), added)
