"""A provider's answer as a typed model, which takes of it what the engine relies on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, ValidationError, WrapValidator

from functions.shared.errors import EngineError, ProviderBadResponse
from functions.shared.vocabulary import Frozen, Usage


class WireModel(Frozen):
    """The part of a provider's answer that we rely on; the rest of it may change."""

    model_config = ConfigDict(extra="ignore")


W = TypeVar("W", bound=WireModel)


def parse(kind: type[W], answer: object) -> W:
    """An answer, as a body or as an SDK has read it. Raises `ProviderBadResponse`, without the answer."""
    try:
        if isinstance(answer, bytes):
            return kind.model_validate_json(answer)
        return kind.model_validate(answer)
    except ValidationError:
        raise ProviderBadResponse("The provider's answer is not what it promises.") from None


def parse_part(kind: type[W], answer: object) -> W | None:
    """Of an answer that may be unreadable otherwise; None where this part of it is."""
    try:
        return parse(kind, answer)
    except ProviderBadResponse:
        return None


def _or_none(value: Any, validate: Callable[[Any], Any]) -> Any:
    try:
        return validate(value)
    except ValidationError:
        return None


OrNone = WrapValidator(_or_none)
"""An unreadable part counts as absent: bad accounting must not cost the caller a paid answer."""
Tokens = Annotated[int, Field(strict=True, ge=0)]
"""A number in quotes, a boolean or a fraction is no count of tokens."""


@contextmanager
def paid_for(usage: Usage | None) -> Iterator[None]:
    """Around the reading of an answer: whatever is wrong with it, it was made, and its error carries what
    the provider told of it."""
    try:
        yield
    except EngineError as error:
        error.usage = usage
        error.billed = "known" if usage else "assumed"
        raise
