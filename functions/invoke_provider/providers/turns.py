"""What the adapters share whose conversation is turns of a user and an assistant."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, Literal

from functions.shared.contracts.request import Message, ToolCall
from functions.shared.errors import InvalidRequest

Speaker = Literal["user", "assistant"]


def turns_of(
    messages: Iterable[Message], blocks_of: Callable[[Message], list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """One turn per change of speaker: all results of parallel calls belong into a single one.

    Blank messages are left out: a turn without a block, or with a blank one, is refused.
    """
    filled = [one for one in messages if one.parts or one.tool_calls or one.role == "tool"]
    return [
        {"role": speaker, "content": [block for message in group for block in blocks_of(message)]}
        for speaker, group in groupby(filled, _speaker)
    ]


def _speaker(message: Message) -> Speaker:
    return "assistant" if message.role == "assistant" else "user"


def arguments_of(call: ToolCall) -> dict[str, Any]:
    """Raises `InvalidRequest` where the caller's text is no JSON object."""
    try:
        arguments = json.loads(call.function.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise InvalidRequest.at("messages", "a tool call's arguments are no JSON object")
    return arguments
