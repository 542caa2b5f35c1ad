"""How far an execution came, from its history."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from functions.shared.errors import (
    BudgetExceeded,
    BudgetUnavailable,
    DeadlineExceeded,
    TokensExceeded,
)

_CALLING = "Invoke Provider"
_TIMED = {"Classify": "classify_ms", "Claim": "claim_ms", "Score": "score_ms"}
_FOR_ANSWER, _FOR_PROVIDER = "Wait For Answer", "Wait For Provider"
_ENDS = frozenset(f"Execution{end}" for end in ("Succeeded", "Failed", "Aborted", "TimedOut"))
_FAILURES = {
    "TaskFailed": "taskFailedEventDetails",
    "TaskTimedOut": "taskTimedOutEventDetails",
    "TaskStartFailed": "taskStartFailedEventDetails",
}
_NOT_CALLED = {
    one.__name__ for one in (DeadlineExceeded, BudgetExceeded, BudgetUnavailable, TokensExceeded)
}
_RECORDED = ("profile", "decision", "failures", "attempt", "logged_prompt")


@dataclass
class Progress:
    """`known` is what a request is recorded with, as far as the states told it; `called` is what Invoke
    Provider was given, as long as it has not ended."""

    known: dict[str, Any] = field(default_factory=dict)
    called: Mapping[str, Any] | None = None
    times: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    awaited_ms: int = 0

    def begin(self, state: str, payload: Mapping[str, Any]) -> None:
        self._learn(payload)
        if state == _CALLING:
            self.called = payload

    def succeed(self, state: str, payload: Mapping[str, Any]) -> None:
        self._learn(payload)
        self.called = None
        if state in _TIMED and "took_ms" in payload:
            self.times[_TIMED[state]] += payload["took_ms"]

    def leave(self, state: str, entered_at: datetime, left_at: datetime, *, is_end: bool) -> None:
        """A pause for a provider is told with the attempt that follows, if one does."""
        if state == _FOR_ANSWER or (state == _FOR_PROVIDER and is_end):
            self.awaited_ms += round((left_at - entered_at).total_seconds() * 1000)

    def fail(self, error: str, cause: str) -> None:
        """As the definition's Catch notes it, where it goes on."""
        called, self.called = self.called, None
        if called and error not in _NOT_CALLED:
            failure = {
                "candidate": called["candidate"],
                "error": {"Error": error, "Cause": cause},
            }
            self.known["failures"] = [*called["failures"], failure]

    def _learn(self, payload: Mapping[str, Any]) -> None:
        self.known |= {name: payload[name] for name in _RECORDED if payload.get(name) is not None}


def progress_of(events: Iterable[Mapping[str, Any]]) -> Progress:
    """`events` of GetExecutionHistory, oldest first."""
    progress, state, entered_at = Progress(), "", datetime.min
    for event in events:
        kind = event["type"]
        is_end = kind in _ENDS
        if is_end or kind.endswith("StateEntered"):
            progress.leave(state, entered_at, event["timestamp"], is_end=is_end)
        if is_end:
            break
        if kind.endswith("StateEntered"):
            state, entered_at = event["stateEnteredEventDetails"]["name"], event["timestamp"]
        elif kind == "TaskScheduled":
            progress.begin(state, _payload(event["taskScheduledEventDetails"]["parameters"]))
        elif kind == "TaskSucceeded":
            progress.succeed(state, _payload(event["taskSucceededEventDetails"]["output"]))
        elif kind in _FAILURES:
            details = event[_FAILURES[kind]]
            progress.fail(details.get("error", ""), details.get("cause", ""))
    progress.known["times"] = {**progress.times, "awaited_ms": progress.awaited_ms}
    return progress


def _payload(text: str) -> dict[str, Any]:
    """Of a function; a message to a queue has none."""
    payload: dict[str, Any] | None = json.loads(text).get("Payload")
    return payload or {}
