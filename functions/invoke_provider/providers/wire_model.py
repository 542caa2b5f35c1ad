"""A provider's answer as a typed model, which takes of it what the engine relies on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WrapValidator,
)

from functions.shared.errors import EngineError, ProviderBadResponse
from functions.shared.vocabulary import Frozen, Usage
from functions.shared.well_formed import well_formed, well_formed_json


class WireModel(Frozen):
    """The part of a provider's answer that we rely on; the rest of it may change."""

    model_config = ConfigDict(extra="ignore")


W = TypeVar("W", bound=WireModel)


def parse(kind: type[W], answer: object, context: Any = None) -> W:
    """An answer, as a body or as an SDK has read it. Raises `ProviderBadResponse`, without the answer."""
    try:
        value = _read(answer) if isinstance(answer, bytes) else well_formed(answer)
        return kind.model_validate(value, context=context)
    except (ValueError, RecursionError):
        raise ProviderBadResponse("The provider's answer is not what it promises.") from None


def _read(body: bytes) -> Any:
    text = well_formed_json(body.decode("utf-8", "surrogatepass"))
    return json.loads(text, parse_constant=lambda _: None)


def parse_bill(kind: type[W], answer: object) -> tuple[W | None, bool]:
    """What the price depends on, of an answer that may be unreadable otherwise: None where that is, too.
    And whether it was told so oddly that it counts as estimated."""
    doubts: list[str] = []
    try:
        return parse(kind, answer, doubts), bool(doubts)
    except ProviderBadResponse:
        return None, True


def _or_none(value: Any, validate: Callable[[Any], Any]) -> Any:
    try:
        return validate(value)
    except ValidationError:
        return None


OrNone = WrapValidator(_or_none)
"""An unreadable part counts as absent: bad accounting must not cost the caller a paid answer."""


def _count(value: Any, info: ValidationInfo) -> Any:
    is_number = isinstance(value, float) and value.is_integer()
    if is_number or (isinstance(value, str) and value.isdecimal()):
        _doubt(info)
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("no count of tokens")
    return value


def _count_or_none(value: Any, validate: Callable[[Any], Any], info: ValidationInfo) -> Any:
    try:
        return validate(value)
    except ValidationError:
        _doubt(info)
        return None


def _doubt(info: ValidationInfo) -> None:
    if info.context is not None:
        info.context.append(info.field_name)


Tokens = Annotated[int, BeforeValidator(_count), Field(ge=0)]
"""A whole number, also as a text or a float; `parse_bill` says that it was odd."""
PartOfTokens = Annotated[Tokens | None, WrapValidator(_count_or_none)]
"""Of a count that holds it: an unreadable one is doubtful, and counts as absent."""


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
