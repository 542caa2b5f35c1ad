"""Pages that a command makes, and whether they are still what it would make."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path


def write_or_check(pages: Mapping[Path, str], are_not: str, command: str, *, is_check: bool) -> int:
    """Writes those that are stale; where only a check is asked for, names them instead, as `are_not` what they
    should be, and what to run, and returns 1."""
    stale = [
        path for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text
    ]
    if not is_check:
        for path in stale:
            path.write_text(pages[path], "utf-8")
    elif stale:
        names = ", ".join(path.name for path in stale)
        print(f"{names}: not {are_not}; run: {command}", file=sys.stderr)
        return 1
    return 0
