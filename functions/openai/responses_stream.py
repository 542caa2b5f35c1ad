"""The events of a stream of Responses, each with its number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from functions.openai.deltas import (
    ArgumentsPiece,
    CallBegun,
    CustomCall,
    Made,
    TextPiece,
    with_custom_calls,
)
from functions.openai.namespaces import OwnNames, called
from functions.openai.responses_answer import (
    AskedFor,
    custom_item,
    function_item,
    message_item,
    response_of,
    text_part,
)

Event = dict[str, Any]
_ARGUMENTS = "response.function_call_arguments"
_INPUT = "response.custom_tool_call_input"


def events_of(
    pieces: Iterable[Made], response: Mapping[str, Any], request_id: str, asked: AskedFor
) -> Iterator[Event]:
    """`response` is the whole one, of which only the time and the model are looked at before the last piece."""
    begun = response_of(
        request_id, asked, status="in_progress", created_s=response["created_at"]
    ) | {"model": response["model"]}
    numbers = count()
    for event in _unnumbered(pieces, begun, response, request_id, asked):
        yield {**event, "sequence_number": next(numbers)}


def _unnumbered(
    pieces: Iterable[Made],
    begun: Event,
    response: Mapping[str, Any],
    request_id: str,
    asked: AskedFor,
) -> Iterator[Event]:
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    items = _Items(request_id, asked.own_names)
    for piece in with_custom_calls(pieces, asked.custom_tools):
        match piece:
            case TextPiece(text):
                yield from items.text(text)
            case CallBegun(_, call_id, name):
                yield from items.call(call_id, name)
            case ArgumentsPiece(_, text):
                yield from items.arguments(text)
            case CustomCall(_, call_id, name, text):
                yield from items.custom_call(call_id, name, text)
    yield from items.end(response["status"])
    yield {"type": f"response.{response['status']}", "response": response}


class _Items:
    """The items of the output, one open at a time."""

    def __init__(self, request_id: str, own_names: OwnNames) -> None:
        self._request_id = request_id
        self._own_names = own_names
        self._open: Event | None = None
        self._index = -1
        self._calls = 0
        self._text = ""

    def text(self, text: str) -> Iterator[Event]:
        if self._open is None or self._open["type"] != "message":
            yield from self._begin(message_item(self._request_id, None))
            yield self._at("response.content_part.added", content_index=0, part=text_part(""))
        self._text += text
        yield self._at("response.output_text.delta", content_index=0, delta=text, logprobs=[])

    def call(self, call_id: str, name: str) -> Iterator[Event]:
        own = called(name, self._own_names)
        yield from self._begin(function_item(self._next_call(), call_id, own, ""))

    def arguments(self, text: str) -> Iterator[Event]:
        self._text += text
        yield self._at(f"{_ARGUMENTS}.delta", delta=text)

    def custom_call(self, call_id: str, name: str, text: str) -> Iterator[Event]:
        own = called(name, self._own_names)
        yield from self._begin(custom_item(self._next_call(), call_id, own, ""))
        self._text = text
        yield self._at(f"{_INPUT}.delta", delta=text)

    def end(self, status: str) -> Iterator[Event]:
        """An answer without a word is one of no words."""
        if self._index < 0:
            yield from self.text("")
        yield from self._close("incomplete" if status == "incomplete" else "completed")

    def _begin(self, item: Event) -> Iterator[Event]:
        yield from self._close()
        self._open, self._text = item, ""
        self._index += 1
        begun = {**item, "status": "in_progress"}
        yield {"type": "response.output_item.added", "output_index": self._index, "item": begun}

    def _close(self, status: str = "completed") -> Iterator[Event]:
        item, text = self._open, self._text
        if item is None:
            return
        if item["type"] == "message":
            yield self._at("response.output_text.done", content_index=0, text=text, logprobs=[])
            part = text_part(text)
            yield self._at("response.content_part.done", content_index=0, part=part)
            item = message_item(self._request_id, text, status)
        elif item["type"] == "function_call":
            yield self._at(f"{_ARGUMENTS}.done", name=item["name"], arguments=text)
            item = {**item, "arguments": text}
        else:
            yield self._at(f"{_INPUT}.done", input=text)
            item = {**item, "input": text}
        yield {"type": "response.output_item.done", "output_index": self._index, "item": item}
        self._open = None

    def _at(self, kind: str, **told: Any) -> Event:
        """An event of the open item's."""
        item_id = self._open["id"] if self._open else ""
        return {"type": kind, "item_id": item_id, "output_index": self._index, **told}

    def _next_call(self) -> str:
        self._calls += 1
        return f"{self._request_id}_{self._calls - 1}"
