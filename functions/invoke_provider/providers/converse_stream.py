"""ConverseStream: the same blocks as Converse's, in pieces."""

from __future__ import annotations

from typing import Any

from functions.invoke_provider.providers.messages_stream import tool_input
from functions.invoke_provider.providers.streams import Body, Event, paired


class ConverseAssembly:
    """`metadata` with the usage comes after the mark of the end."""

    def __init__(self) -> None:
        self.whole = False
        self._role = "assistant"
        self._fields: Body = {}
        self._blocks: list[_Block] = []
        self._open: dict[int, _Block] = {}

    @property
    def unseen(self) -> bool:
        """A tool's input comes value by value from Claude."""
        return any(block.is_use for block in self._open.values())

    @property
    def made(self) -> str:
        return paired("".join(block.made for block in self._blocks))

    def add(self, event: Event) -> bool:
        ((kind, told),) = event.items()
        match kind:
            case "messageStart":
                self._role = told["role"]
            case "contentBlockStart":
                self._begin(told["contentBlockIndex"], told["start"])
            case "contentBlockDelta":
                # Of a text no start is told.
                index = told["contentBlockIndex"]
                block = self._open.get(index) or self._begin(index, {})
                return block.add(told["delta"])
            case "contentBlockStop":
                self._open.pop(told["contentBlockIndex"], None)
            case "messageStop":
                self._fields |= told
                self.whole = True
            case "metadata":
                self._fields |= told
        return False

    def _begin(self, index: int, start: Body) -> _Block:
        block = _Block(start)
        self._blocks.append(block)
        self._open[index] = block
        return block

    def body(self) -> Body:
        message = {"role": self._role, "content": [block.body() for block in self._blocks]}
        return self._fields | {"output": {"message": message}}


class _Block:
    """A union: the name of what it holds says of which kind it is."""

    def __init__(self, start: Body) -> None:
        self._start = start
        self._texts: list[str] = []
        self._reasoning: dict[str, list[Any]] = {}

    @property
    def is_use(self) -> bool:
        return "toolUse" in self._start

    @property
    def made(self) -> str:
        name = str((self._start.get("toolUse") or {}).get("name") or "")
        return name + "".join(self._texts) + "".join(self._reasoning.get("text", []))

    def add(self, delta: Body) -> bool:
        ((kind, told),) = delta.items()
        if kind == "reasoningContent":
            ((part, value),) = told.items()
            self._reasoning.setdefault(part, []).append(value)
            told = value
        elif kind in ("text", "toolUse"):
            told = told if kind == "text" else told["input"]
            self._texts.append(told)
        # Any other is of a kind that is never asked for.
        return bool(told)

    def body(self) -> Body:
        written = paired("".join(self._texts))
        if use := self._start.get("toolUse"):
            return {"toolUse": use | {"input": tool_input(written)}}
        if self._reasoning:
            return {"reasoningContent": self._reasoned()}
        return {"text": written}

    def _reasoned(self) -> Body:
        if redacted := self._reasoning.get("redactedContent"):
            return {"redactedContent": "".join(redacted)}
        named = {part: paired("".join(told)) for part, told in self._reasoning.items()}
        return {"reasoningText": named}
