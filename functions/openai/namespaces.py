"""Tools in namespaces, as Codex groups them: to a model each is a function of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

OwnNames = Mapping[str, list[str]]
"""By the native name of a tool: its namespace, and its name in there."""

_SEPARATOR = "__"
_CALLS = frozenset({"function_call", "custom_tool_call"})
_BRINGS_TOOLS = "additional_tools"


def without_namespaces(body: Any) -> tuple[Any, dict[str, list[str]]]:
    """The body of Responses with all its tools in one list, also those that items of the input bring along, and
    what the ones in namespaces are called."""
    if not isinstance(body, dict):
        return body, {}
    items = body.get("input")
    listed = items if isinstance(items, list) else []
    brought = [one for one in listed if isinstance(one, dict) and one.get("type") == _BRINGS_TOOLS]
    tools = [
        *_list(body.get("tools")),
        *(tool for one in brought for tool in _list(one.get("tools"))),
    ]
    if not tools:
        return body, {}
    own_names: dict[str, list[str]] = {}
    flat = list(_flat(tools, own_names))
    if isinstance(items, list):
        items = [_call_of(one) for one in items if one not in brought]
    return {**body, "tools": flat, "input": items}, own_names


def called(name: str, own_names: OwnNames) -> dict[str, str]:
    """What a call's item tells of the tool with this native name."""
    if name not in own_names:
        return {"name": name}
    namespace, own = own_names[name]
    return {"name": own, "namespace": namespace}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _flat(tools: list[Any], own_names: dict[str, list[str]]) -> Iterator[Any]:
    for tool in tools:
        match tool:
            case {"type": "namespace", "name": str(namespace), "tools": list(inner)}:
                for one in inner:
                    yield _named(one, namespace, own_names)
            case _:
                yield tool


def _named(tool: Any, namespace: str, own_names: dict[str, list[str]]) -> Any:
    match tool:
        case {"name": str(own), **others}:
            native = f"{namespace}{_SEPARATOR}{own}"
            own_names[native] = [namespace, own]
            return {**others, "name": native}
        case _:
            return tool


def _call_of(item: Any) -> Any:
    match item:
        case {"type": kind, "namespace": str(namespace), "name": str(own), **others} if (
            kind in _CALLS
        ):
            return {**others, "type": kind, "name": f"{namespace}{_SEPARATOR}{own}"}
        case _:
            return item
