"""The document and its page as they are deployed, made by `stacks/compute/pages.py`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_BUNDLE = Path(__file__).parents[2] / "build" / "docs"

FILES: Mapping[str, Path] = MappingProxyType(
    {
        "/v1/openapi.json": _BUNDLE / "openapi.json",
        "/v1/docs": _BUNDLE / "index.html",
        **{f"/v1/docs/{name}": _BUNDLE / name for name in ("main.js", "docs.css")},
    }
)
"""By their paths under the stage's. Nothing else can be read."""
