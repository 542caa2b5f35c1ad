"""What is wrong with a caller's JSON, field by field."""

from __future__ import annotations

from itertools import groupby

from pydantic import ValidationError

from functions.shared.errors import problem_at


def problems_of(error: ValidationError) -> list[dict[str, str]]:
    """`[{field, problem}]`, for the `details` of an error."""
    # Never the input itself: it may be the prompt.
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    problems = [
        problem_at(field_at(one["loc"]), one["msg"].removeprefix("Value error, "))
        for one in errors[:20]
    ]
    return list({tuple(problem.items()): problem for problem in problems}.values())


def field_at(location: tuple[int | str, ...]) -> str:
    """The caller's name of a place in a body: `messages.0.content`."""
    # Pydantic puts the tried branch of a union into the path; the caller knows nothing of those.
    # The branch of a part of a message is named like the field that it has.
    parts = [
        str(part)[:64]
        for part, _ in groupby(location)
        if isinstance(part, int) or (part.isidentifier() and not part[:1].isupper())
    ]
    return ".".join(parts) or "body"
