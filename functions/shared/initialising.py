"""What a function does before its first event."""

from __future__ import annotations

import os
from collections.abc import Callable


def at_start(*steps: Callable[[], object]) -> None:
    """Takes them while Lambda initialises the function: it has a whole processor then, whatever its memory, and a
    snapshot keeps what they made. Nothing here opens a connection, which no snapshot could keep. Anywhere
    else each is taken by whoever needs it first.

    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-best-practices.html
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        for step in steps:
            step()


def starts_from_snapshot() -> bool:
    """Whether what is made now is kept for those that start later."""
    return os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"
