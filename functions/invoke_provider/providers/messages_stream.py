"""Messages as a stream: the message as it begins, its blocks in pieces, then why it ended and its usage."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json

from functions.invoke_provider.providers.streams import Body, Event, paired, raise_error_in

_PIECES = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}


class MessagesAssembly:
    """Numbers are cumulative: the last ones count."""

    def __init__(self) -> None:
        self.whole = False
        self._message: Body = {}
        self._blocks: list[_Block] = []
        self._open: dict[int, _Block] = {}

    @property
    def unseen(self) -> bool:
        """Of a tool's input each value comes at once, and thinking need not be shown at all:
        https://platform.claude.com/docs/en/build-with-claude/streaming"""
        return any(block.unseen for block in self._open.values())

    @property
    def made(self) -> str:
        return paired("".join(block.made for block in self._blocks))

    def add(self, event: Event) -> bool:
        raise_error_in(event)
        match event.get("type"):
            case "message_start":
                self._message = dict(event["message"])
            case "content_block_start":
                block = _Block(event["content_block"])
                self._blocks.append(block)
                self._open[event["index"]] = block
            case "content_block_delta":
                return self._open[event["index"]].add(event["delta"])
            case "content_block_stop":
                self._open.pop(event["index"], None)
            case "message_delta":
                self._end(event)
            case "message_stop":
                self.whole = True
        return False

    def _end(self, event: Event) -> None:
        told = {name: value for name, value in event.items() if name not in ("type", "delta")}
        usage = {
            name: value for name, value in (told.get("usage") or {}).items() if value is not None
        }
        before = self._message.get("usage") or {}
        self._message |= (event.get("delta") or {}) | told | {"usage": before | usage}

    def body(self) -> Body:
        return self._message | {"content": [block.body() for block in self._blocks]}


class _Block:
    def __init__(self, begun: Body) -> None:
        self._kind = str(begun.get("type"))
        self._begun = begun
        self._pieces: dict[str, list[str]] = {}
        self._citations: list[Any] = []

    @property
    def unseen(self) -> bool:
        return self._kind not in ("text", "thinking") or (
            self._kind == "thinking" and "thinking" not in self._pieces
        )

    @property
    def made(self) -> str:
        begun = str(self._begun.get("text") or self._begun.get("name") or "")
        written = self._pieces.items()
        return begun + "".join("".join(texts) for name, texts in written if name != "signature")

    def add(self, delta: Body) -> bool:
        if name := _PIECES.get(delta["type"]):
            self._pieces.setdefault(name, []).append(delta[name])
            return bool(delta[name])
        if delta["type"] == "citations_delta":
            self._citations.append(delta["citation"])
        return True

    def body(self) -> Body:
        block = dict(self._begun)
        for name, texts in self._pieces.items():
            written = paired("".join(texts))
            if name == "partial_json":
                block["input"] = tool_input(written)
            else:
                block[name] = (block.get(name) or "") + written
        if self._citations:
            block["citations"] = [*(block.get("citations") or []), *self._citations]
        return block


def tool_input(text: str) -> Any:
    """What a model wrote as a tool's input; as far as it came, where its answer was cut off. What is no JSON
    stays a text."""
    for read in (json.loads, _read_partly):
        try:
            return read(text or "{}")
        except (ValueError, RecursionError):
            continue
    return text


def _read_partly(text: str) -> Any:
    return from_json(text, allow_partial="trailing-strings")
