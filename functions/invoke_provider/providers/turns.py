"""What the adapters share whose conversation is turns of a user and an assistant."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, Literal

from functions.shared.contracts.request import Message, ToolCall

Speaker = Literal["user", "assistant"]


def turns_of(
    messages: Iterable[Message], blocks_of: Callable[[Message], list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """One turn per change of speaker: all results of parallel calls belong into a single one."""
    return [
        {"role": speaker, "content": [block for message in group for block in blocks_of(message)]}
        for speaker, group in groupby(messages, _speaker)
    ]


def _speaker(message: Message) -> Speaker:
    return "assistant" if message.role == "assistant" else "user"


def arguments_of(call: ToolCall) -> dict[str, Any]:
    """Of a call whose arguments the prompt has made an object."""
    arguments: dict[str, Any] = json.loads(call.function.arguments)
    return arguments
