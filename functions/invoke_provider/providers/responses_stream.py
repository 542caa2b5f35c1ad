"""Responses as a stream: its last event holds the whole answer."""

from __future__ import annotations

from functions.invoke_provider.providers.streams import Body, Event, paired, raise_error_in

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class ResponsesAssembly:
    def __init__(self) -> None:
        self.whole = False
        self._response: Body = {}
        self._items: dict[int, Body] = {}
        self._reasoning: set[int] = set()
        self._made: list[str] = []

    @property
    def unseen(self) -> bool:
        """Reasoning is not shown unless it is asked for."""
        return bool(self._reasoning)

    @property
    def made(self) -> str:
        return paired("".join(self._made))

    def add(self, event: Event) -> bool:
        kind = str(event.get("type"))
        if isinstance(event.get("response"), dict):
            self._response = event["response"]
            self.whole = self.whole or kind in _ENDS
            return False
        raise_error_in(event)
        match kind.rpartition("."):
            case _, _, "delta" if isinstance(event.get("delta"), str):
                self._made.append(event["delta"])
                return bool(event["delta"])
            case "response.output_item", _, step:
                return self._item(step, event["output_index"], event["item"])
        return False

    def _item(self, step: str, index: int, item: Body) -> bool:
        """That one has begun is no token: the first one does before the model has written any."""
        if step == "added":
            if item.get("type") == "reasoning":
                self._reasoning.add(index)
            return False
        self._reasoning.discard(index)
        self._items[index] = item
        return True

    def body(self) -> Body:
        output = [item for _, item in sorted(self._items.items())]
        # Some servers leave out of the last event what they have sent before.
        return (
            self._response if self._response.get("output") else self._response | {"output": output}
        )
