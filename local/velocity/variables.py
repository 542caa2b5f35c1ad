"""`$input` and `$util`, as API Gateway documents them and as far as our templates use them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_SHORT_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r"}
_ESCAPED_AS_IS = frozenset("'\"\\/")
_SPECIAL = re.compile(r"['\"\\/]|[^ -\x7f]")


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
        return _SPECIAL.sub(_escaped, text)

    def parseJson(self, text: str) -> Any:  # noqa: N802 - AWS's name
        """Parse JSON text into maps, lists and values."""
        return json.loads(text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character in _ESCAPED_AS_IS:
        return f"\\{character}"
    if ord(character) in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[ord(character)]
    data = character.encode("utf-16-be", "surrogatepass")
    units = (int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    return "".join(f"\\u{unit:04X}" for unit in units)
