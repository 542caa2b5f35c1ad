"""How long a provider that answers as a stream may be silent before its call is given up."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from functions.shared.vocabulary import Frozen

_EXPECTED_TIMES = 30
_LEAST_FIRST_TOKEN_S = 10.0
"""A queue in front of a fast model is no stall yet."""

_Seconds = Annotated[float, Field(gt=0, le=900)]


class SilenceLimits(Frozen):
    """In seconds, and never longer than the attempt's own share of the deadline. Neither pings nor
    keepalive comments break a silence: tokens do."""

    first_token_s: _Seconds = 15
    """Before the first token of a model that does not reason; less where the catalogue expects it sooner."""
    between_tokens_s: _Seconds = 15
    """Between two tokens of a model that does not reason."""
    reasoning_first_token_s: _Seconds = 120
    """Of a model that reasons; also while any model makes what it sends in one piece: reasoning that is
    not shown, and the arguments of a call."""
    reasoning_between_tokens_s: _Seconds = 60
    """Between two tokens of a model that reasons."""

    def before_first_token_s(self, expected_ms: int, *, reasoning: bool) -> float:
        """Of a model whose first token the catalogue expects after so many milliseconds."""
        if reasoning:
            return self.reasoning_first_token_s
        tolerated = max(_LEAST_FIRST_TOKEN_S, _EXPECTED_TIMES * expected_ms / 1000)
        return min(self.first_token_s, tolerated)
