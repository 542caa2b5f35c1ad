"""What the engine itself tells models: a template for each task, each with a version.

A template is a file `templates/<task>.v<number>.txt`. A change is a new number, because the request
log names the version that an answer came from; the highest one is in use.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import get_args

from functions.shared.vocabulary import TextTask

_TEMPLATES = Path(__file__).with_name("templates")
_COMMENT = "#"


@lru_cache
def template_of(task: TextTask) -> tuple[str, str]:
    """The version in use, such as `code.v1`, and its text; lines that start with # are remarks."""
    newest = max(_TEMPLATES.glob(f"{task}.v*.txt"), key=lambda path: int(path.stem.split(".v")[1]))
    lines = newest.read_text("utf-8").splitlines()
    return newest.stem, "\n".join(line for line in lines if not line.startswith(_COMMENT)).strip()


@lru_cache
def templates_version() -> str:
    """Of all of them together: a kept answer was made by one of them."""
    told = "\n".join("\n".join(template_of(task)) for task in get_args(TextTask))
    return hashlib.sha256(told.encode()).hexdigest()[:8]
