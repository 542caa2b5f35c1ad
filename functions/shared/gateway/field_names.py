"""The names that a caller may have meant, and the caller's name of a place in a body."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

MAX_NAME_CHARACTERS = 64

Location = tuple[int | str, ...]
Models = frozenset[type[BaseModel]]


@dataclass(frozen=True)
class Place:
    """A way into a body, and the names of the fields that an object there may have.

    `whole` is what the caller knows the whole of it as.
    """

    way: Location
    names: tuple[str, ...]
    whole: str = "body"


def names_of(kind: type[BaseModel]) -> tuple[str, ...]:
    """Of its fields, as a caller writes them."""
    return tuple(field.alias or name for name, field in kind.model_fields.items())


def place_in(kind: type[BaseModel], location: Location) -> Place:
    """Where an error of pydantic's lies in a body of this kind.

    It puts the tried branch of a union into the location, and the caller knows nothing of those.
    """
    models: Models = frozenset({kind})
    way: list[int | str] = []
    for part in location:
        tagged = frozenset(one for one in models if len(models) > 1 and part in _tags(one))
        fields = [] if tagged else list(_annotations(models, part))
        if not models or fields or isinstance(part, int):
            way.append(part)
        if fields:
            models = frozenset().union(*map(_models_in, fields))
        models = tagged or models
    return Place(tuple(way), tuple(sorted({name for one in models for name in names_of(one)})))


def field_at(way: Location) -> str:
    """`messages.0.content`; what is no name is left out, as a caller's own keys may be anything."""
    parts = [
        str(part)[:MAX_NAME_CHARACTERS]
        for part in way
        if isinstance(part, int) or part.removeprefix("$").isidentifier()
    ]
    return ".".join(parts) or "body"


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one that differs least from a name, which may be of any length."""
    return next(iter(get_close_matches(name[:MAX_NAME_CHARACTERS].lower(), names, 1)), None)


def _annotations(models: Models, part: int | str) -> Iterable[Any]:
    for model in models:
        for name, field in model.model_fields.items():
            if part == (field.alias or name):
                yield field.annotation


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("type")
    return get_args(field.annotation) if field else ()


def _models_in(annotation: Any) -> Models:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return frozenset({annotation})
    return frozenset().union(*map(_models_in, get_args(annotation)))
