"""What a translator makes of a body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from functions.openai.namespaces import OwnNames
from functions.shared.contracts.asked import Asked
from functions.shared.errors import InvalidRequest


@dataclass(frozen=True)
class Translated:
    """`request` is the native one, `model` what the client calls the model. `ignored` are the names of what was
    left out, `custom_tools` those of tools that take a text, `own_names` what those in namespaces are called.
    `tells_usage`: whether a stream does, too."""

    request: Mapping[str, Any]
    model: str
    ignored: list[str] = field(default_factory=list)
    custom_tools: list[str] = field(default_factory=list)
    own_names: OwnNames = field(default_factory=dict)
    is_streamed: bool = False
    tells_usage: bool = False
    is_background: bool = False
    previous_response_id: str | None = None


def common_fields(body: Asked) -> dict[str, Any]:
    """Those that mean the same everywhere, without what was not said."""
    own = body.model_dump(mode="json", include=set(Asked.model_fields), exclude_unset=True)
    return {name: value for name, value in own.items() if value is not None and name != "models"}


def told(value: BaseModel | str | None) -> Any:
    """As a native request has it."""
    if not isinstance(value, BaseModel):
        return value
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


def refuse(body: Any, refusals: Mapping[str, str]) -> None:
    """Raises `InvalidRequest` for fields that no answer of ours could do justice to, each with why."""
    told = body if isinstance(body, dict) else {}
    for name, problem in refusals.items():
        if told.get(name) not in (None, [], {}, False):
            raise InvalidRequest.at(name, problem)
