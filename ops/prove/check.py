"""One thing that only AWS can tell, and what a look at a stage finds of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ops.prove.probe import Probe

Verdict = Literal["held", "not held", "cannot tell"]


@dataclass(frozen=True)
class Finding:
    """`sentence` says what was seen."""

    verdict: Verdict
    sentence: str


@dataclass(frozen=True)
class Check:
    """`settle` looks at a stage; a text is the command to use where no script can.

    `fact` is what has to hold, `doubt` why that is not known and `assumed` what relies on it.
    `calls` is how often it asks the stage or AWS at most.
    """

    name: str
    fact: str
    doubt: str
    assumed: str
    settle: Callable[[Probe], Finding] | str
    calls: int = 0


def held(sentence: str) -> Finding:
    return Finding("held", sentence)


def not_held(sentence: str) -> Finding:
    return Finding("not held", sentence)


def cannot_tell(sentence: str) -> Finding:
    return Finding("cannot tell", sentence)


def judged(problems: list[str], otherwise: str) -> Finding:
    """Not held for any of these reasons, else held."""
    return not_held("; ".join(problems)) if problems else held(otherwise)
