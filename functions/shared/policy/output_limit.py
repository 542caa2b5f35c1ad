"""How long an answer may be."""

from __future__ import annotations

from functions.shared.catalogue.models import Model
from functions.shared.contracts.decision import Profile

DEFAULT_MAX_OUTPUT_TOKENS = 4_096
"""Also bounds the worst case; providers reserve capacity by it."""


def output_limit(model: Model, profile: Profile) -> int:
    """The most tokens that an answer of the model may have."""
    allowed = profile.max_output_tokens or DEFAULT_MAX_OUTPUT_TOKENS
    # The form of a sentiment is short, whatever the caller allows.
    is_clipped = profile.max_output_tokens is None or profile.task == "sentiment"
    return min(allowed, model.max_output_tokens) if is_clipped else allowed
