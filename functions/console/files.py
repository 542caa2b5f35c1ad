"""The console as it is deployed: three files, bundled by `stacks/compute/pages.py`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_BUNDLE = Path(__file__).parents[2] / "build" / "console"

FILES: Mapping[str, Path] = MappingProxyType(
    {
        "": _BUNDLE / "index.html",
        **{name: _BUNDLE / name for name in ("main.js", "console.css")},
    }
)
"""By the name behind `/console/`; the page itself has none. Nothing else can be read."""
