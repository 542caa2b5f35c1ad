"""JSON as it is defined, which Python reads more of."""

from __future__ import annotations

from typing import NoReturn


def refuse_constant(constant: str) -> NoReturn:
    """The `parse_constant` of `json.loads` for whoever takes no `NaN` and no `Infinity`. Raises `ValueError`."""
    raise ValueError(f"{constant} is Python's, not JSON's")
