"""What was said so far, as the model's interface takes it: each rule is its provider's own, told by 400.

A conversation comes from anywhere: from other providers' answers, from histories that were cut or
edited, from whoever forgot a result. It is mended, never refused for one interface's sake.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.parameters import Dropped, drop
from functions.shared.contracts.request import GenerateRequest, Message, ToolCall
from functions.shared.strict_json import refuse_constant
from functions.shared.vocabulary import Api

BEGIN = "Begin."
GO_ON = "Go on."
NO_RESULT = "No result was given."
_RESULT = "Result of a tool call: "


@dataclass(frozen=True)
class TurnRules:
    """What an interface demands of a conversation."""

    call_id: re.Pattern[str]
    object_arguments: bool = False
    """Arguments travel as an object, not as its text."""
    user_first: bool = False
    user_last: bool = False
    """Unless the model goes on from its own words."""
    some_turn: bool = True


TURN_RULES: dict[Api, TurnRules] = {
    # Answered with `string_above_max_length`.
    "chat_completions": TurnRules(re.compile(r".{1,40}", re.DOTALL), some_turn=False),
    "responses": TurnRules(re.compile(r".{1,64}", re.DOTALL)),
    # platform.claude.com/docs/en/api/messages
    "messages": TurnRules(
        re.compile(r"[a-zA-Z0-9_-]+"), object_arguments=True, user_first=True, user_last=True
    ),
    # docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlock.html
    "converse": TurnRules(
        re.compile(r"[a-zA-Z0-9_-]{1,64}"), object_arguments=True, user_first=True, user_last=True
    ),
}


def with_taken_turns(
    request: GenerateRequest, model: CalledModel, dropped: Dropped, *, has_system: bool
) -> GenerateRequest:
    """The request with a conversation that the model's interface takes."""
    rules = TURN_RULES.get(model.api)
    if request.messages is None or rules is None:
        return request
    if any(message.is_empty for message in request.messages):
        drop(dropped, "messages", "messages that say nothing are left out")
    said = _paired(request.conversation, dropped)
    said = list(_with_ids(said, rules.call_id, dropped))
    if rules.object_arguments:
        said = [_with_object_arguments(message, dropped) for message in said]
    if not said and (rules.some_turn or not has_system):
        drop(dropped, "messages", "there are instructions alone: a user's turn asks to begin")
        said = [Message(role="user", content=BEGIN)]
    said = _between_users(said, rules, request, model, dropped)
    instructions = [message for message in request.messages if message.instructs]
    return request.model_copy(update={"messages": [*instructions, *said]})


def _paired(said: list[Message], dropped: Dropped) -> list[Message]:
    """Each call with its result right behind it, and no result without its call: all demand it."""
    paired: list[Message] = []
    rest = deque(said)
    while rest:
        message = rest.popleft()
        if message.role == "tool":
            drop(dropped, "messages.tool_call_id", "a result without its call is told as words")
            message = Message(role="user", content=_RESULT + (message.text or NO_RESULT))
        paired.append(message)
        if message.tool_calls:
            paired += _results_of(message.tool_calls, rest, dropped)
    return paired


def _results_of(calls: list[ToolCall], rest: deque[Message], dropped: Dropped) -> list[Message]:
    """Taken out of the rest, in the order in which they stand there."""
    missing = [call.id for call in calls]
    sought = set(missing)
    results: list[Message] = []
    others: list[Message] = []
    for message in rest:
        # From there on the same id means another call.
        sought -= {call.id for call in message.tool_calls or []}
        if message.role == "tool" and message.tool_call_id in sought.intersection(missing):
            missing.remove(message.tool_call_id)
            results.append(message)
            if others:
                drop(dropped, "messages", "a call's result is moved right behind the call")
        else:
            others.append(message)
    rest.clear()
    rest.extend(others)
    if missing:
        drop(dropped, "messages.tool_calls", "a call without its result is given an empty one")
    lost = [Message(role="tool", tool_call_id=one, content=NO_RESULT) for one in missing]
    return results + lost


def _with_ids(said: list[Message], fits: re.Pattern[str], dropped: Dropped) -> Iterator[Message]:
    """Ids of the interface's form, each of one call alone; a call's result has the same."""
    fitting = {call.id for one in said for call in one.tool_calls or [] if fits.fullmatch(call.id)}
    used: set[str] = set()
    ids: dict[str, deque[str]] = {}
    for message in said:
        if message.tool_calls:
            ids = {}
            calls = []
            for call in message.tool_calls:
                is_kept = call.id in fitting and call.id not in used
                new = call.id if is_kept else _made_id(call.id, len(used), fitting | used)
                used.add(new)
                ids.setdefault(call.id, deque()).append(new)
                calls.append(call.model_copy(update={"id": new}))
                if not is_kept:
                    reason = "ids that the model's interface refuses are replaced, in results too"
                    drop(dropped, "messages.tool_calls.id", reason)
            yield message.model_copy(update={"tool_calls": calls})
        elif message.role == "tool":
            yield message.model_copy(
                update={"tool_call_id": ids[message.tool_call_id or ""].popleft()}
            )
        else:
            yield message


def _made_id(old: str, number: int, taken: set[str]) -> str:
    """The same for the same call of the same conversation, so that a provider's cache finds it again."""
    while True:
        digest = hashlib.sha256(f"{number} {old}".encode("utf-8", "replace")).hexdigest()
        if (new := f"call_{digest[:24]}") not in taken:
            return new
        number += 1


def _with_object_arguments(message: Message, dropped: Dropped) -> Message:
    if not message.tool_calls:
        return message
    calls = []
    for call in message.tool_calls:
        arguments = _object_text(call.function.arguments)
        if arguments != call.function.arguments and call.function.arguments:
            reason = "what is no JSON object is put into one"
            drop(dropped, "messages.tool_calls.function.arguments", reason)
        function = call.function.model_copy(update={"arguments": arguments})
        calls.append(call.model_copy(update={"function": function}))
    return message.model_copy(update={"tool_calls": calls})


def _object_text(arguments: str) -> str:
    """The text of a JSON object: the same where it is one, else with the caller's text in it."""
    text = arguments or "{}"
    try:
        read = json.loads(text, parse_constant=refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        read = None
    return text if isinstance(read, dict) else json.dumps({"arguments": arguments})


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("no number of JSON's")
    return number


def _between_users(
    said: list[Message],
    rules: TurnRules,
    request: GenerateRequest,
    model: CalledModel,
    dropped: Dropped,
) -> list[Message]:
    if rules.user_first and said[0].role == "assistant":
        drop(dropped, "messages", "the first turn is the assistant's: a user's turn asks to begin")
        said = [Message(role="user", content=BEGIN), *said]
    if not rules.user_last or said[-1].role != "assistant":
        return said
    if model.prefill and not _has_schema(request):
        return [*said[:-1], _without_blank_end(said[-1])]
    drop(dropped, "messages", "the last turn is the assistant's: a user's turn asks to go on")
    return [*said, Message(role="user", content=GO_ON)]


def _has_schema(request: GenerateRequest) -> bool:
    """Structured outputs and the model's own words to go on from exclude each other with Claude:
    platform.claude.com/docs/en/build-with-claude/structured-outputs"""
    return request.response_format is not None and request.response_format.type == "json_schema"


def _without_blank_end(message: Message) -> Message:
    """Claude refuses to go on from a blank."""
    *before, last = message.parts
    end: Any = last.model_copy(update={"text": last.text.rstrip()}) if last.type == "text" else last
    return message.model_copy(update={"content": [*before, end]})
