"""Why a credential is refused."""

from __future__ import annotations


class TokenRefused(Exception):
    """The token is at fault. `str()` says how, and holds nothing of it."""
