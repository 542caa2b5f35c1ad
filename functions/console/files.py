"""What the console is made of: a fixed table, and nothing else can be read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

_STATIC = Path(__file__).with_name("static")
_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_MODULES = (
    "kit-charts", "kit-clock", "kit-elements", "kit-fetch",
    "answer", "api", "decision", "decision-chart", "errors", "figures", "form", "format", "key",
    "main", "outcome", "realtime", "record", "requests", "send", "totals", "walk",
)  # fmt: skip

FILES: Mapping[str, Path] = MappingProxyType(
    {
        "": _STATIC / "index.html",
        "kit.css": _STATIC / "kit.css",
        "console.css": _STATIC / "console.css",
        "echarts.min.js": Path(__file__).parents[2] / "node_modules/echarts/dist/echarts.min.js",
        **{f"{module}.js": _STATIC / f"{module}.js" for module in _MODULES},
    }
)
"""By the name behind `/console/`; the page itself has none."""


@dataclass(frozen=True)
class File:
    text: str
    content_type: str
    etag: str


@lru_cache
def load_file(name: str) -> File | None:
    """None for a name that the table does not have."""
    path = FILES.get(name)
    if path is None:
        return None
    content = path.read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return File(content.decode(), _CONTENT_TYPES[path.suffix], etag)
