"""What is going on, on standard error: the table is for standard output."""

from __future__ import annotations

import sys
import time

_BEGAN_S = time.monotonic()


def tell(text: str) -> None:
    """A line, with the seconds since the beginning."""
    print(f"[{time.monotonic() - _BEGAN_S:5.0f} s] {text}", file=sys.stderr, flush=True)
