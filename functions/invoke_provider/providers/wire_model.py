"""A provider's answer as a typed model, which takes of it what the engine relies on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, NonNegativeInt, ValidationError, WrapValidator

from functions.shared.errors import ProviderBadResponse
from functions.shared.vocabulary import Frozen


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


def _or_none(value: Any, validate: Callable[[Any], Any]) -> Any:
    try:
        return validate(value)
    except ValidationError:
        return None


OrNone = WrapValidator(_or_none)
"""An unreadable part counts as absent: bad accounting must not cost the caller a paid answer."""
Tokens = Annotated[NonNegativeInt | None, OrNone]
