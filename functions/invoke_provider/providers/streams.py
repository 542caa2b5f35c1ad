"""An answer that comes in pieces, and what its end means that is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from functions.invoke_provider.providers.refusals import IN_A_STREAM, Refusal
from functions.shared.errors import EngineError
from functions.shared.vocabulary import Usage

Event = Mapping[str, Any]
Body = dict[str, Any]


class Assembly(Protocol):
    """A stream's events, put together to the body that the answer has as a whole: raw JSON values."""

    @property
    def whole(self) -> bool:
        """Whether the mark of the end has come."""

    @property
    def unseen(self) -> bool:
        """Whether the model makes what it sends in one piece."""

    @property
    def made(self) -> str:
        """All that the model wrote, as far as it was told."""

    def add(self, event: Event) -> bool:
        """Whether it brought a token. Raises `ErrorInStream`, and what an event of another form does."""

    def body(self) -> Body: ...


class ErrorInStream(Exception):
    """A provider's error in place of the answer's rest."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__()


class BrokenOff(Exception):
    """The stream ended without its mark."""


class TooSilent(Exception):
    """A limit has passed, and the call was left."""


NO_ANSWER = (TooSilent, BrokenOff, ErrorInStream)
"""What a call may raise beside what its SDK does."""


def raise_error_in(event: Event) -> None:
    """Raises `ErrorInStream` where it is one, in the words of any provider that streams JSON."""
    error = event.get("error")
    if error is None and event.get("type") == "error":
        error = event
    if not error:
        return
    told = error if isinstance(error, Mapping) else {"message": error}
    # A flat event's own type says no more than that it is an error.
    words = tuple(
        str(one) for one in (told.get("code"), told.get("type")) if one and one != "error"
    )
    reason = str(told.get("message") or "")
    raise ErrorInStream(Refusal(IN_A_STREAM, words, reason, {}, told))


def paired(text: str) -> str:
    """A character whose two surrogates came in two events is one again; half of a pair stays."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


@contextmanager
def billed_so_far(
    assembly: Assembly | None, usage_in: Callable[[Body], Usage | None]
) -> Iterator[None]:
    """Around a call: its error carries what had come of the answer, as the model was at work until then."""
    try:
        yield
    except EngineError as error:
        if assembly is not None:
            usage = usage_in(assembly.body())
            if usage is not None or assembly.made:
                error.usage, error.made = usage, assembly.made
                error.billed, error.repeatable = "known", False
        raise
