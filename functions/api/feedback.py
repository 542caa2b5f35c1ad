"""What a caller thinks of an answer, as it is sent; `audit_records.py` keeps it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, StringConstraints, model_validator

from functions.shared.contracts.field_rules import exactly_one_of
from functions.shared.times import stamp
from functions.shared.vocabulary import Frozen, Score, Strict

_THUMBS = {"down": 0.0, "up": 1.0}
_DIGITS = 6
"""DynamoDB keeps no number that is as good as zero."""


class Feedback(Frozen):
    """As the request's row keeps it."""

    score: Score
    comment: str | None = None
    created_at: str


class Grade(Strict):
    """The body of `/requests/{request_id}/feedback`: exactly one of `score` and `thumbs`."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("score", "thumbs"))

    score: Score | None = None
    thumbs: Literal["up", "down"] | None = None
    comment: Annotated[str, StringConstraints(max_length=1000)] | None = None

    @model_validator(mode="after")
    def _grades_once(self) -> Self:
        if (self.score is None) == (self.thumbs is None):
            raise ValueError("exactly one of score or thumbs is needed")
        return self

    def feedback(self, now: datetime) -> Feedback:
        score = _THUMBS[self.thumbs] if self.thumbs else self.score
        return Feedback(
            score=round(score or 0.0, _DIGITS), comment=self.comment, created_at=stamp(now)
        )


class GradedAnswer(Frozen):
    success: Literal[True] = True
    request_id: str
    feedback: Feedback
