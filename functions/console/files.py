"""The console as it is deployed: three files, bundled by `stacks/compute/console_page.py`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

_BUNDLE = Path(__file__).parents[2] / "build" / "console"
_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}

FILES: Mapping[str, Path] = MappingProxyType(
    {
        "": _BUNDLE / "index.html",
        **{name: _BUNDLE / name for name in ("main.js", "console.css")},
    }
)
"""By the name behind `/console/`; the page itself has none. Nothing else can be read."""


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
