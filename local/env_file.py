"""A `.env` file in the project's folder, beside the shell's own variables, which win."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from local.paths import PROJECT

_VARIABLE = "ENV_FILE"
_NAME = ".env"


def with_env_file(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`ENV_FILE` names another file, and none where it is empty. Raises `ValueError` for a line that is no
    `NAME=value`; it is told by its number, as it may hold a secret."""
    name = environment.get(_VARIABLE, _NAME)
    path = PROJECT / name
    read = _read(path) if name and path.is_file() else {}
    return {**read, **environment}


def _read(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8") as lines:
        told = list(parse_stream(lines))
    wrong = [one.original.line for one in told if one.error or (one.key and one.value is None)]
    if wrong:
        raise ValueError(f"{path.name} line {wrong[0]} is no NAME=value")
    return {one.key: one.value for one in told if one.key and one.value is not None}
