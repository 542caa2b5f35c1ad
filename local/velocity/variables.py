"""`$input` and `$util`, as API Gateway documents them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus

_STEP = re.compile(r"""\.(\w[\w-]*)|\[(\d+)\]|\[['"]([^'"]+)['"]\]""")
_SHORT_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r"}
_ESCAPED_AS_IS = frozenset("'\"\\/")


def json_path(document: Any, path: str) -> Any:
    """The value at a JSONPath of names and indices; None where there is nothing."""
    position, end = (1, len(path)) if path.startswith("$") else (0, len(path))
    if position == 0:
        path, end = f".{path}", end + 1
    node = document
    while position < end:
        step = _STEP.match(path, position)
        if step is None:
            raise ValueError(f"unsupported JSONPath: {path}")
        name, index = step[1] or step[3], step[2]
        if name is not None:
            node = node.get(name) if isinstance(node, dict) else None
        else:
            inside = isinstance(node, list) and int(index) < len(node)
            node = node[int(index)] if inside else None
        position = step.end()
    return node


class Input:
    """`$input`: the body and parameters of the request, or the body of the back end's answer."""

    def __init__(self, body: str, parameters: Mapping[str, Mapping[str, str]]) -> None:
        self.body = body
        self._parameters = parameters

    def json(self, path: str) -> str:
        """The value at `path` as compact JSON text."""
        value = self.path(path)
        return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def path(self, path: str) -> Any:
        """The value at `path`; null when the body is not JSON."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return None
        return json_path(document, path)

    def params(self, name: str | None = None) -> object:
        """One parameter, sought in path, query string and headers; or all of them."""
        if name is None:
            return {kind: dict(values) for kind, values in self._parameters.items()}
        for kind in ("path", "querystring", "header"):
            for key, value in self._parameters.get(kind, {}).items():
                if key == name or (kind == "header" and key.lower() == name.lower()):
                    return value
        return ""


class Util:
    """`$util`."""

    def escapeJavaScript(self, text: str) -> str:  # noqa: N802 - AWS's name
        """Escape as commons-lang 2.6 does, which AWS uses: the apostrophe and the slash too."""
        return "".join(_escaped(unit) for unit in _utf16_units(text))

    def parseJson(self, text: str) -> Any:  # noqa: N802 - AWS's name
        """Parse JSON text into maps, lists and values."""
        return json.loads(text)

    def urlEncode(self, text: str) -> str:  # noqa: N802 - AWS's name
        """Encode as a form field."""
        return quote_plus(text, safe="*").replace("~", "%7E")

    def urlDecode(self, text: str) -> str:  # noqa: N802 - AWS's name
        """Decode a form field."""
        return unquote_plus(text)

    def base64Encode(self, text: str) -> str:  # noqa: N802 - AWS's name
        """Encode UTF-8 text."""
        return base64.b64encode(text.encode()).decode()

    def base64Decode(self, text: str) -> str:  # noqa: N802 - AWS's name
        """Decode to UTF-8 text."""
        return base64.b64decode(text).decode()


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
