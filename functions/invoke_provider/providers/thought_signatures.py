"""What Gemini wants beside each earlier call of a function, or answers 400.

Its own signature of a call is not kept here, and of another model's call there is none. This word stands
in for both: https://ai.google.dev/gemini-api/docs/thought-signatures
"""

from __future__ import annotations

from typing import Any

STAND_IN = "skip_thought_signature_validator"
_SIGNED = {"google": {"thought_signature": STAND_IN}}


def signed(messages: list[dict[str, Any]], provider: str) -> list[dict[str, Any]]:
    """The messages with their calls signed, for Gemini alone: others know no such field."""
    return [_signed(message) for message in messages] if provider == "gemini" else messages


def _signed(message: dict[str, Any]) -> dict[str, Any]:
    calls = message.get("tool_calls")
    if not calls:
        return message
    return {**message, "tool_calls": [{**call, "extra_content": _SIGNED} for call in calls]}
