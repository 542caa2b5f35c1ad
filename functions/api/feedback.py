"""What a caller thinks of an answer, as it is sent; `audit_records.py` keeps it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import StringConstraints, model_validator

from functions.shared.times import stamp
from functions.shared.vocabulary import Score, Strict

_THUMBS = {"down": 0.0, "up": 1.0}
_DIGITS = 6
"""DynamoDB keeps no number that is as good as zero."""


class Grade(Strict):
    """The body of `/requests/{request_id}/feedback`."""

    score: Score | None = None
    thumbs: Literal["up", "down"] | None = None
    comment: Annotated[str, StringConstraints(max_length=1000)] | None = None

    @model_validator(mode="after")
    def _grades_once(self) -> Self:
        if (self.score is None) == (self.thumbs is None):
            raise ValueError("exactly one of score or thumbs is needed")
        return self

    def feedback(self, now: datetime) -> dict[str, Any]:
        """As the request's row keeps it: `{score, comment?, created_at}`."""
        score = _THUMBS[self.thumbs] if self.thumbs else self.score
        comment = {} if self.comment is None else {"comment": self.comment}
        created_at = stamp(now)
        return {"score": round(score or 0.0, _DIGITS), **comment, "created_at": created_at}
