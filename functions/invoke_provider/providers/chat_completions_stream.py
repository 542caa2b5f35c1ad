"""Chat Completions as a stream: chunks of one choice, then its usage, then `[DONE]`."""

from __future__ import annotations

from typing import Any

from functions.invoke_provider.providers.streams import Body, Event, paired, raise_error_in

DONE = "[DONE]"


class ChatAssembly:
    """The first choice; nobody asks for more. It is whole with its finish reason or with `[DONE]`, of which
    some servers leave out one."""

    unseen = False

    def __init__(self) -> None:
        self.whole = False
        self._fields: Body = {}
        self._choice: Body = {"index": 0, "finish_reason": None}
        self._message: dict[str, list[Any]] = {}
        self._calls: list[_Call] = []
        self._made: list[str] = []

    @property
    def made(self) -> str:
        return paired("".join(self._made))

    def add(self, event: Event) -> bool:
        if event.get("type") == DONE:
            self.whole = True
            return False
        raise_error_in(event)
        told = {name: value for name, value in event.items() if value is not None}
        self._fields |= {name: value for name, value in told.items() if name != "choices"}
        began = len(self._made)
        for choice in told.get("choices", []):
            if not choice.get("index"):
                self._add_choice(choice)
        return len(self._made) > began

    def _add_choice(self, choice: Body) -> None:
        for name, value in choice.items():
            if name == "logprobs" and value:
                self._add_logprobs(value)
            elif name != "delta" and value is not None:
                self._choice[name] = value
        self.whole = self.whole or choice.get("finish_reason") is not None
        for name, value in (choice.get("delta") or {}).items():
            if name == "tool_calls":
                self._add_calls(value or [])
            else:
                self._add_to_message(name, value)

    def _add_logprobs(self, told: dict[str, list[Any] | None]) -> None:
        kept = self._choice.setdefault("logprobs", {})
        for name, values in told.items():
            kept[name] = [*(kept.get(name) or []), *values] if values else kept.get(name)

    def _add_to_message(self, name: str, value: Any) -> None:
        pieces = self._message.setdefault(name, [])
        if value is None or (name == "role" and pieces):
            return
        pieces.append(value)
        if name != "role" and value:
            self._made.append(value if isinstance(value, str) else str(value))

    def _add_calls(self, deltas: list[Body]) -> None:
        for delta in deltas:
            self._made += self._call_of(delta).add(delta)

    def _call_of(self, delta: Body) -> _Call:
        """Its index says which one; a server that leaves it out, or gives all the same, is held to the id."""
        index, call_id = delta.get("index"), delta.get("id")
        for call in reversed(self._calls):
            is_it = call.index == index if index is not None else not call_id or call.id == call_id
            if is_it and not (call_id and call.id and call.id != call_id):
                return call
        self._calls.append(_Call(index))
        return self._calls[-1]

    def body(self) -> Body:
        message: Body = {name: _joined(pieces) for name, pieces in self._message.items()}
        if self._calls:
            message["tool_calls"] = [call.body() for call in self._calls]
        body = self._fields | {"choices": [self._choice | {"message": message}]}
        return body | ({"object": "chat.completion"} if "object" in body else {})


class _Call:
    def __init__(self, index: int | None) -> None:
        self.index = index
        self.id: str | None = None
        self._fields: Body = {}
        self._name = ""
        self._arguments: list[Any] = []

    def add(self, delta: Body) -> list[str]:
        """What the model wrote of it."""
        function = delta.get("function") or {}
        self.id = self.id or delta.get("id")
        told = {name: value for name, value in delta.items() if value is not None}
        self._fields |= {name: told[name] for name in told.keys() - {"index", "id", "function"}}
        name, arguments = function.get("name") or "", function.get("arguments")
        if name != self._name:
            # Some servers repeat it with every piece of the arguments.
            self._name += name
        if arguments is not None:
            self._arguments.append(arguments)
        return [str(one) for one in (name, arguments) if one]

    def body(self) -> Body:
        function: Body = {"name": self._name}
        if self._arguments:
            function["arguments"] = _joined(self._arguments)
        return {"id": self.id, **self._fields, "function": function}


def _joined(pieces: list[Any]) -> Any:
    """Texts in one, lists in one with texts among them as parts; of anything else the last."""
    if not pieces:
        return None
    if all(isinstance(piece, str) for piece in pieces):
        return paired("".join(pieces))
    if not any(isinstance(piece, list) for piece in pieces):
        return pieces[-1]
    parts: list[Any] = []
    for piece in pieces:
        parts += piece if isinstance(piece, list) else [{"type": "text", "text": piece}]
    return parts
