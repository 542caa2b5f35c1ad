"""How far an execution came, from its history."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.shared.errors import (
    BudgetExceeded,
    BudgetUnavailable,
    DeadlineExceeded,
    TokensExceeded,
)

_CALLING = "Invoke Provider"
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

    def begin(self, state: str, payload: Mapping[str, Any]) -> None:
        self._learn(payload)
        if state == _CALLING:
            self.called = payload

    def succeed(self, payload: Mapping[str, Any]) -> None:
        self._learn(payload)
        self.called = None

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
    progress, state = Progress(), ""
    for event in events:
        kind = event["type"]
        if kind in _ENDS:
            break
        if kind.endswith("StateEntered"):
            state = event["stateEnteredEventDetails"]["name"]
        elif kind == "TaskScheduled":
            progress.begin(state, _payload(event["taskScheduledEventDetails"]["parameters"]))
        elif kind == "TaskSucceeded":
            progress.succeed(_payload(event["taskSucceededEventDetails"]["output"]))
        elif kind in _FAILURES:
            details = event[_FAILURES[kind]]
            progress.fail(details.get("error", ""), details.get("cause", ""))
    return progress


def _payload(text: str) -> dict[str, Any]:
    """Of a function; a message to a queue has none."""
    payload: dict[str, Any] | None = json.loads(text).get("Payload")
    return payload or {}
