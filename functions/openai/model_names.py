"""What a client calls a model: a catalogue id, with or without its provider, or `auto`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, get_args

from pydantic import WithJsonSchema

from functions.shared.attempt_limits import MAX_NAMED
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.asked import ModelId
from functions.shared.errors import InvalidRequest
from functions.shared.vocabulary import Preference

AUTO = "auto"
_PREFERENCES = get_args(Preference)

ModelName = Annotated[
    ModelId,
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": [AUTO, *(f"{AUTO}:{preference}" for preference in _PREFERENCES)]},
                {"type": "string", "minLength": 1, "maxLength": 100},
            ]
        }
    ),
]


def named_models(model: str, models: Sequence[str] | None) -> dict[str, Any]:
    """The fields of a native request that say the same. A model beside a list goes before it.

    Raises `InvalidRequest` for `auto:` with a word that is no preference.
    """
    word, colon, preference = model.partition(":")
    id_of = load_catalogue().id_of
    listed = [id_of(one) for one in models or []]
    if word == AUTO and (not colon or preference):
        if colon and preference not in _PREFERENCES:
            problem = f"must be auto, or auto: with one of {', '.join(_PREFERENCES)}, or a model"
            raise InvalidRequest.at("model", problem)
        chosen = {"model_preference": preference} if colon else {}
        return chosen | ({"models": listed} if listed else {})
    if not listed:
        return {"model": id_of(model)}
    asked = dict.fromkeys([id_of(model), *listed])
    return {"models": list(asked)[:MAX_NAMED]}
