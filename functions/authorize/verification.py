"""Verifies a token: its signature, by a key of the issuer, and for whom and until when it was made."""

from __future__ import annotations

from typing import Any

import jwt

from functions.authorize.issuer_keys import IssuerKeys
from functions.authorize.refusals import TokenRefused
from functions.shared.token_issuer import TokenIssuer


def verified_claims(
    token: str, issuer: TokenIssuer, keys: IssuerKeys, skew_s: int
) -> dict[str, Any]:
    """Raises TokenRefused, and ServiceUnavailable where the issuer's keys cannot be read."""
    try:
        header = jwt.get_unverified_header(token)
        # Before the issuer is asked for a key that nothing could be verified with.
        if header.get("alg") not in issuer.algorithms:
            raise TokenRefused("its algorithm is not allowed")
        claims: dict[str, Any] = jwt.decode(
            token,
            keys.key_of(header.get("kid")),
            algorithms=issuer.algorithms,
            issuer=issuer.issuer,
            leeway=skew_s,
            # Whom it was made for is looked at below, where Cognito's access tokens have it, too.
            options={
                "require": ["exp", "iss"],
                "verify_aud": False,
                "enforce_minimum_key_length": True,
            },
        )
    except jwt.PyJWTError as error:
        raise TokenRefused(_reason(error)) from None
    if issuer.audience not in _audiences(claims):
        raise TokenRefused("it was made for somebody else")
    return claims


_REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not valid yet"),
    (jwt.InvalidIssuerError, "its issuer is another one"),
    (jwt.InvalidSignatureError, "its signature is wrong"),
    (jwt.InvalidAlgorithmError, "its algorithm is not its key's"),
    (jwt.MissingRequiredClaimError, "it lacks its issuer or its end"),
)


def _reason(error: jwt.PyJWTError) -> str:
    """In our words: the library's may quote the token."""
    return next((words for kind, words in _REASONS if isinstance(error, kind)), "it cannot be read")


def _audiences(claims: dict[str, Any]) -> list[Any]:
    """https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html"""
    told = claims.get("aud")
    if told is None and claims.get("token_use") == "access":
        told = claims.get("client_id")
    return told if isinstance(told, list) else [told]
