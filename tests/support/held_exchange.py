"""Providers behind a running stack that answer as their calls' marks say, and while nobody holds them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

from local.faults.exchange import Exchange, LedgerCall
from local.faults.fixtures import fixtures
from local.faults.kinds import BY_NAME, Fault
from tests.support.client_answers import client_answers

TALKATIVE = "gpt-5-mini"
"""Its output is dear beside its input, and its answers are long: what a call holds is nearly what it costs."""


def _prose(words: int) -> str:
    return json.dumps({"answer": " ".join(["weather"] * words), "topics": ["prose"]})


SHORT, LONG = _prose(150), _prose(330)


class HeldExchange(Exchange):
    """Answers what it gets while nobody holds it."""

    def __init__(self, url: str) -> None:
        super().__init__(url, _scripted, lambda *_: None)
        self.free = threading.Event()
        self.free.set()
        self.watch = self._wait

    def _wait(self, *_: object) -> None:
        self.free.wait(20)

    def of(self, prefix: str) -> list[LedgerCall]:
        """The calls whose mark begins so."""
        return [one for one in self.calls if one.mark.startswith(prefix)]


def _scripted(call: LedgerCall) -> Fault:
    """The fault that the mark ends in, at its first call."""
    name = call.mark.rpartition(".")[2]
    return BY_NAME[name if call.number == 0 and name in BY_NAME else "well"]


def answers() -> Iterator[dict[str, Any]]:
    """Of one length for each model, but for those that a client's test asks for."""
    yield from client_answers()
    for fixture in fixtures():
        if model := fixture["match"].get("model"):
            answer = LONG if model == TALKATIVE else SHORT
            yield {**fixture, "response": {"content": answer}}
        else:
            yield fixture
