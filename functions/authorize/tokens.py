"""Tokens of the stage's issuer, and the callers that they name."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from functions.authorize.refusals import TokenRefused
from functions.shared.caller import OPERATOR, Caller, Limits
from functions.shared.callers.records import subject_caller_id, subject_hash
from functions.shared.token_issuer import TokenIssuer

if TYPE_CHECKING:
    from functions.authorize.issuer_keys import IssuerKeys

LONGEST_SUBJECT = 200
CLOCK_SKEW_S = 60
"""How far the issuer's clock and ours may be apart."""
_PARTS = re.compile(r"([\w-]+)\.[\w-]+\.[\w-]*", re.ASCII)


@dataclass(frozen=True)
class TokenCaller:
    """What a verified token says: `subject` is the value of the `caller_claim`, and `expires_at_s`, epoch
    seconds, until when the token is taken."""

    issuer: str
    subject: str
    plan: Literal["standard", "operator"]
    expires_at_s: int

    @property
    def record_hash(self) -> str:
        """Where a key's record is, if the subject has been entered as a caller."""
        return subject_hash(self.issuer, self.subject)

    @property
    def caller_id(self) -> str:
        """Of a subject that nobody has entered."""
        return subject_caller_id(self.issuer, self.subject)

    def caller(self, plans: Mapping[str, Limits], stage: Limits | None) -> Caller:
        """Of a subject that nobody has entered: what its plan grants, until the token ends."""
        limits = plans.get(self.plan, Limits())
        return Caller(
            name=self.subject,
            plan=self.plan,
            expires_at_s=self.expires_at_s,
            limits=None if limits.is_none else limits,
            stage_limits=stage,
        )


def is_token(credential: str) -> bool:
    """Whether it has a token's form, which no key has; what is in it may still be anything."""
    parts = _PARTS.fullmatch(credential)
    if parts is None:
        return False
    try:
        header = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and "alg" in header


def token_caller(token: str, issuer: TokenIssuer) -> TokenCaller:
    """Raises TokenRefused, and ServiceUnavailable where the issuer's keys cannot be read."""
    # The packages that verify are loaded for the first token: callers with keys do not wait for them.
    from functions.authorize.verification import verified_claims  # noqa: PLC0415

    claims = verified_claims(token, issuer, keys_of(issuer), CLOCK_SKEW_S)
    return TokenCaller(
        issuer.issuer,
        _subject(claims.get(issuer.caller_claim)),
        _plan(claims.get(issuer.plan_claim) if issuer.plan_claim else None),
        int(claims["exp"]) + CLOCK_SKEW_S,
    )


@lru_cache
def keys_of(issuer: TokenIssuer) -> IssuerKeys:
    """Kept between calls of a function."""
    from functions.authorize.issuer_keys import IssuerKeys  # noqa: PLC0415

    return IssuerKeys(issuer)


def _subject(claim: Any) -> str:
    if not isinstance(claim, str) or not claim.strip():
        raise TokenRefused("it names no caller")
    # Half a surrogate pair is no text, and a line end none that fits into a list of names.
    if len(claim) > LONGEST_SUBJECT or not claim.isprintable():
        raise TokenRefused("its caller's name is no name")
    return claim


def _plan(claim: Any) -> Literal["standard", "operator"]:
    told = claim if isinstance(claim, list) else [claim]
    return "operator" if OPERATOR in told else "standard"
