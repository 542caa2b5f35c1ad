"""The chunks of a stream of Chat Completions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from functions.openai.chat_answer import custom_call, head_of, usage_of
from functions.openai.deltas import (
    ArgumentsPiece,
    CallBegun,
    CustomCall,
    Made,
    Piece,
    TextPiece,
    with_custom_calls,
)
from functions.openai.routing_facts import routing_of
from functions.openai.translated import Translated


def chunks(
    pieces: Iterable[Made], answer: Mapping[str, Any], asked: Translated, now_s: int
) -> Iterator[dict[str, Any]]:
    """Who speaks, the pieces, why it ended, and the usage where it is asked for. Before its last piece only the
    id and the model of the `answer` are looked at."""
    head = head_of(answer, "chat.completion.chunk", now_s)
    unsaid = {"usage": None} if asked.tells_usage else {}

    def chunk(delta: Mapping[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**head, "choices": [choice], **unsaid}

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for piece in with_custom_calls(pieces, asked.custom_tools):
        yield chunk(_change(piece))
    yield chunk({}, answer["finish_reason"]) | {"routing": routing_of(answer, asked.ignored)}
    if asked.tells_usage:
        yield {**head, "choices": [], "usage": usage_of(answer)}


def _change(piece: Piece) -> dict[str, Any]:
    match piece:
        case TextPiece(text):
            return {"content": text}
        case CallBegun(number, call_id, name):
            begun = {"type": "function", "function": {"name": name, "arguments": ""}}
            call = {"index": number, "id": call_id, **begun}
        case ArgumentsPiece(number, text):
            call = {"index": number, "function": {"arguments": text}}
        case CustomCall(number, call_id, name, text):
            call = {"index": number, **custom_call(call_id, name, text)}
    return {"tool_calls": [call]}
