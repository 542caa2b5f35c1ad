"""A body as OpenAI's clients send it: what nobody here knows is ignored and listed, and not refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from functions.shared.errors import InvalidRequest
from functions.shared.gateway.field_names import Location, field_at, place_in
from functions.shared.gateway.problems import problems_of

Body = TypeVar("Body", bound=BaseModel)


def understood(body: Any, kind: type[Body]) -> tuple[Body, list[str]]:
    """And the names of what was ignored, as `messages.0.name`; what is null or empty says nothing and is no loss.

    Raises `InvalidRequest` with each field and what is wrong with it.
    """
    ignored: list[str] = []
    while True:
        try:
            return kind.model_validate(body), list(dict.fromkeys(ignored))
        except ValidationError as error:
            unknown = [way for way in _unknown(error, kind) if _is_there(body, way)]
            if not unknown:
                raise InvalidRequest.of(problems_of(error, kind)) from None
            body, lost = _without(body, unknown)
            ignored += [field_at(way) for way in lost]


def _unknown(error: ValidationError, kind: type[BaseModel]) -> set[Location]:
    told = error.errors(include_url=False, include_input=False, include_context=False)
    places = [one["loc"] for one in told if one["type"] == "extra_forbidden"]
    return {(*place_in(kind, place[:-1]).way, place[-1]) for place in places}


def _is_there(body: Any, way: Location) -> bool:
    """A validator may have looked at another form of what was sent."""
    for part in way:
        try:
            body = body[part]
        except (LookupError, TypeError):
            return False
    return True


def _without(body: Any, ways: Iterable[Location]) -> tuple[Any, list[Location]]:
    """The body without what lies there, and which of it said something. What is taken along is copied: a
    body belongs to whoever sent it."""
    heads: dict[int | str, list[Location]] = {}
    for way in sorted(ways, key=str):
        heads.setdefault(way[0], []).append(way[1:])
    lost: list[Location] = []
    parts = dict(body) if isinstance(body, dict) else dict(enumerate(body))
    for head, rests in heads.items():
        if () in rests:
            if parts.pop(head) not in (None, [], {}):
                lost.append((head,))
            continue
        parts[head], beneath = _without(parts[head], rests)
        lost += [(head, *way) for way in beneath]
    return (parts if isinstance(body, dict) else list(parts.values())), lost
