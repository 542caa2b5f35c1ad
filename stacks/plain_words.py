"""What a type of the configuration takes, in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

_PLAIN: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    str: "a text",
    date: "a day, `2026-11-27`",
}
_OF_MANY: dict[Any, str] = {tuple: "a list", frozenset: "a list", dict: "an object by name"}


def objects_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The objects in a type, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from objects_in(inner)


def type_in_words(annotation: Any) -> str:
    """Raises LookupError for a type that there are no words for yet."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_in_words(inner[0]) + limits_in_words(inner[1:])
    if origin is Literal:
        return _one_of([f"`{one}`" for one in inner])
    if origin in (Union, UnionType):
        return _one_of([type_in_words(one) for one in inner if one is not NoneType])
    if origin in _OF_MANY:
        return f"{_OF_MANY[origin]}; each: {type_in_words(inner[origin is dict])}"
    return _simple(annotation)


def _simple(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"[`{kind.__name__}`](#{kind.__name__.lower()})"
    if kind not in _PLAIN:
        raise LookupError(f"no words for {kind}")
    return _PLAIN[kind]


def limits_in_words(metadata: Iterable[Any]) -> str:
    """What pydantic holds a value to, as ", at least 1"; empty where it holds it to nothing."""
    return "".join(f", {text}" for one in metadata for text in _limits(one))


def _limits(constraint: Any) -> Iterator[str]:
    if isinstance(constraint, FieldInfo):
        for one in constraint.metadata:
            yield from _limits(one)
    match constraint:
        case annotated_types.Ge(ge=least):
            yield f"at least {_figure(least)}"
        case annotated_types.Gt(gt=bound):
            yield f"over {_figure(bound)}"
        case annotated_types.Le(le=most):
            yield f"at most {_figure(most)}"
        case annotated_types.Lt(lt=bound):
            yield f"under {_figure(bound)}"
        case annotated_types.MinLen(min_length=least):
            yield f"at least {least} long"
        case annotated_types.MaxLen(max_length=most):
            yield f"at most {most} long"
        case StringConstraints(pattern=str() as pattern):
            yield f"as `{pattern}`"


def _figure(value: Any) -> str:
    return f"{value:,}"


def _one_of(texts: list[str]) -> str:
    *first, last = dict.fromkeys(texts)
    return f"{', '.join(first)} or {last}" if first else last
