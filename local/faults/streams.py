"""An answer as its provider streams it: the events of each interface, in pieces of a few characters."""

from __future__ import annotations

import json
import struct
from binascii import crc32
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from functions.shared.vocabulary import Api

Event = dict[str, Any]
DONE = "[DONE]"
SSE = "text/event-stream"
FRAMES = "application/vnd.amazon.eventstream"


_PIECES, _LEAST = 12, 3
"""A text comes in so many at most, each of some characters."""


def pieces(text: str) -> Iterator[str]:
    """Cut as JSON is cut: a character of two UTF-16 units may come in two pieces."""
    encoded = text.encode("utf-16-le", "surrogatepass")
    step = 2 * max(_LEAST, -(-len(encoded) // (2 * _PIECES)))
    for at in range(0, len(encoded), step):
        yield encoded[at : at + step].decode("utf-16-le", "surrogatepass")


def chat_events(answer: Event) -> Iterator[Any]:
    (choice,) = answer["choices"]
    told = {name: value for name, value in answer.items() if name not in ("choices", "usage")}
    if "object" in told:
        told["object"] = "chat.completion.chunk"

    def chunk(delta: Event, **changes: Any) -> Event:
        return {**told, "choices": [{"index": 0, "delta": delta, "finish_reason": None, **changes}]}

    message = choice["message"]
    yield chunk({name: None for name in message if name != "tool_calls"} | {"role": "assistant"})
    for name, text in message.items():
        if isinstance(text, str) and name != "role":
            yield from (chunk({name: piece}) for piece in pieces(text))
    for index, call in enumerate(message.get("tool_calls") or []):
        function = call["function"]
        begun = {"name": function["name"], "arguments": ""}
        yield chunk({"tool_calls": [{**call, "index": index, "function": begun}]})
        for piece in pieces(function["arguments"]):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    rest = {name: value for name, value in choice.items() if name != "message"}
    yield chunk({}, **rest)
    if "usage" in answer:
        yield {**told, "choices": [], "usage": answer["usage"]}
    yield DONE


def responses_events(answer: Event) -> Iterator[Event]:
    begun = {**answer, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    for index, item in enumerate(answer["output"]):
        empty = {name: item[name][:0] for name in ("content", "arguments") if item.get(name)}
        yield {"type": "response.output_item.added", "output_index": index, "item": item | empty}
        for part in item.get("content") or []:
            for piece in pieces(part.get("text") or ""):
                yield {"type": "response.output_text.delta", "output_index": index, "delta": piece}
        for piece in pieces(item.get("arguments") or ""):
            kind = "response.function_call_arguments.delta"
            yield {"type": kind, "output_index": index, "delta": piece}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": f"response.{answer['status']}", "response": answer}


_DELTAS = {"text": "text_delta", "thinking": "thinking_delta", "signature": "signature_delta"}


def messages_events(answer: Event) -> Iterator[Event]:
    usage = answer.get("usage")
    begun = {**answer, "content": [], "stop_reason": None}
    if usage:
        begun["usage"] = {**usage, "output_tokens": 1}
    yield {"type": "message_start", "message": begun}
    yield {"type": "ping"}
    for index, block in enumerate(answer["content"]):
        empty = {name: "" if name in _DELTAS else value for name, value in block.items()}
        if "input" in block:
            empty["input"] = {}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ended = {"type": "message_delta", "delta": {"stop_reason": answer["stop_reason"]}}
    yield ended | ({"usage": usage} if usage else {})
    yield {"type": "message_stop"}


def _deltas(block: Event) -> Iterator[Event]:
    for name, kind in _DELTAS.items():
        for piece in pieces(block.get(name) or ""):
            yield {"type": kind, name: piece}
    for piece in pieces(json.dumps(block["input"]) if block.get("input") else ""):
        yield {"type": "input_json_delta", "partial_json": piece}


def converse_events(answer: Event) -> Iterator[Event]:
    message = answer["output"]["message"]
    yield {"messageStart": {"role": message["role"]}}
    for index, block in enumerate(message["content"]):
        at = {"contentBlockIndex": index}
        if use := block.get("toolUse"):
            begun = {name: value for name, value in use.items() if name != "input"}
            yield {"contentBlockStart": {**at, "start": {"toolUse": begun}}}
        for delta in _converse_deltas(block):
            yield {"contentBlockDelta": {**at, "delta": delta}}
        yield {"contentBlockStop": at}
    rest = {name: value for name, value in answer.items() if name not in ("output", "stopReason")}
    yield {"messageStop": {"stopReason": answer["stopReason"]}}
    yield {"metadata": rest}


def _converse_deltas(block: Event) -> Iterator[Event]:
    for piece in pieces(block.get("text") or ""):
        yield {"text": piece}
    for name, text in block.get("reasoningContent", {}).get("reasoningText", {}).items():
        yield from ({"reasoningContent": {name: piece}} for piece in pieces(text))
    if use := block.get("toolUse"):
        yield from ({"toolUse": {"input": piece}} for piece in pieces(json.dumps(use["input"])))


EVENTS_OF: Mapping[Api, Callable[[Event], Iterator[Any]]] = {
    "chat_completions": chat_events,
    "responses": responses_events,
    "messages": messages_events,
    "converse": converse_events,
}


def streamed(answer: Event, api: Api) -> list[bytes]:
    encoded = frames if api == "converse" else sse
    return [encoded(event) for event in EVENTS_OF[api](answer)]


def sse(*events: Event | str) -> bytes:
    return b"".join(map(_sse, events))


def _sse(event: Event | str) -> bytes:
    if isinstance(event, str):
        return f"data: {event}\n\n".encode()
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


def frames(*events: Event) -> bytes:
    return b"".join(_frame(*item) for event in events for item in event.items())


def _frame(name: str, told: Any) -> bytes:
    """Of Amazon's event stream; an error's name ends in `Exception`, as they all do."""
    kind = "exception" if name.endswith("Exception") else "event"
    named = {":message-type": kind, f":{kind}-type": name, ":content-type": "application/json"}
    header = b"".join(
        struct.pack(f"!B{len(key)}sBH{len(value)}s", len(key), key, 7, len(value), value)
        for key, value in ((key.encode(), value.encode()) for key, value in named.items())
    )
    payload = json.dumps(told).encode()
    prelude = struct.pack("!II", len(header) + len(payload) + 16, len(header))
    message = prelude + struct.pack("!I", crc32(prelude)) + header + payload
    return message + struct.pack("!I", crc32(message))


def failure(api: Api) -> bytes:
    """An event in place of the answer's rest, in the words of its interface."""
    match api:
        case "converse":
            return frames({"modelStreamErrorException": {"message": "No."}})
        case "messages":
            return sse({"type": "error", "error": {"type": "overloaded_error", "message": "No."}})
        case "responses":
            return sse({"type": "error", "code": "server_error", "message": "No.", "param": None})
    return sse({"error": {"type": "server_error", "code": None, "message": "No."}})
