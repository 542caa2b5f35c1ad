"""Tools and choices of a body that no model of a request could read, or that say nothing."""

from __future__ import annotations

from typing import Any

from functions.openai.custom_tools import call_as_function
from functions.shared.contracts.tools import chat_form
from functions.shared.errors import InvalidRequest

_RUN_BY_CLIENTS = frozenset({"function", "custom"})
_MAX_SHOWN = 40


def prepared(body: Any) -> Any:
    """The body with calls and choices of custom tools as those of functions, and without a choice among no tools,
    which clients send out of habit.

    Raises `InvalidRequest` for a tool that the provider would have to run.
    """
    if not isinstance(body, dict):
        return body
    tools, choice = body.get("tools"), body.get("tool_choice")
    _refuse_server_tools(tools)
    ready = body
    if not tools and choice in ("auto", "none"):
        ready = {name: value for name, value in body.items() if name != "tool_choice"}
    elif choice is not None:
        ready = {**body, "tool_choice": chat_form(_as_function(choice))}
    messages = body.get("messages")
    return {**ready, "messages": _with_functions(messages)} if isinstance(messages, list) else ready


def _with_functions(messages: list[Any]) -> list[Any]:
    return [
        {**one, "tool_calls": [call_as_function(call) for call in one["tool_calls"]]}
        if isinstance(one, dict) and isinstance(one.get("tool_calls"), list)
        else one
        for one in messages
    ]


def _refuse_server_tools(tools: Any) -> None:
    for number, tool in enumerate(tools if isinstance(tools, list) else []):
        kind = tool.get("type", "function") if isinstance(tool, dict) else "function"
        if isinstance(kind, str) and kind not in _RUN_BY_CLIENTS:
            shown = kind[:_MAX_SHOWN] if kind.isidentifier() else "this type"
            problem = f"{shown} is not run here: only function and custom tools, which clients run"
            raise InvalidRequest.at(f"tools.{number}.type", problem)


def _as_function(choice: Any) -> Any:
    match choice:
        case {"type": "custom", "custom": {"name": name}} | {"type": "custom", "name": name}:
            return {"type": "function", "function": {"name": name}}
        case {"type": "allowed_tools", "allowed_tools": {"tools": list(tools)} as allowed}:
            inner = {**allowed, "tools": [_as_function(one) for one in tools]}
            return {**choice, "allowed_tools": inner}
        case {"type": "allowed_tools", "tools": list(tools)}:
            return {**choice, "tools": [_as_function(one) for one in tools]}
        case _:
            return choice
