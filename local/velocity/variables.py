"""`$input` and `$util`, as API Gateway documents them and as far as our templates use them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_SHORT_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r"}
_ESCAPED_AS_IS = frozenset("'\"\\/")


def value_at(document: Any, path: str) -> Any:
    """The value at `name.name`; None where there is nothing."""
    node = document
    for name in path.split(".") if path else ():
        node = node.get(name) if isinstance(node, dict) else None
    return node


class Input:
    """`$input`: the body and parameters of the request, or the body of the back end's answer."""

    METHODS = ("json", "params", "path")

    def __init__(self, body: str, parameters: Mapping[str, Mapping[str, str]]) -> None:
        self._body = body
        self._parameters = parameters

    def json(self, path: str) -> str:
        """The value at `path` as compact JSON text."""
        value = self.path(path)
        return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def path(self, path: str) -> Any:
        """The value at `$` or `$.name.name`; null when the body is not JSON."""
        if path != "$" and (not path.startswith("$.") or "[" in path):
            raise NotImplementedError(f"JSONPath {path}")
        try:
            document = json.loads(self._body)
        except ValueError:
            return None
        return value_at(document, path[2:])

    def params(self) -> dict[str, dict[str, str]]:
        """All parameters, under `path`, `querystring` and `header`."""
        return {kind: dict(values) for kind, values in self._parameters.items()}


class Util:
    """`$util`."""

    METHODS = ("escapeJavaScript", "parseJson")

    def escapeJavaScript(self, text: str) -> str:  # noqa: N802 - AWS's name
        """Escape as commons-lang 2.6 does, which AWS uses: the apostrophe and the slash too."""
        return "".join(_escaped(unit) for unit in _utf16_units(text))

    def parseJson(self, text: str) -> Any:  # noqa: N802 - AWS's name
        """Parse JSON text into maps, lists and values."""
        return json.loads(text)


def _utf16_units(text: str) -> list[int]:
    data = text.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def _escaped(unit: int) -> str:
    if unit in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[unit]
    if unit < 32 or unit > 127:
        return f"\\u{unit:04X}"
    character = chr(unit)
    return f"\\{character}" if character in _ESCAPED_AS_IS else character
