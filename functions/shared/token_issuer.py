"""Whose tokens open a stage beside its keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from functions.shared.vocabulary import Frozen

Algorithm = Literal[
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
]
"""Of signatures that a public key verifies: whoever can verify with a shared secret can sign with it, too."""

Claim = Annotated[str, Field(min_length=1, max_length=100)]


class TokenIssuer(Frozen):
    """`audience` is whom its tokens are made for: their `aud`, or the `client_id` of Cognito's access tokens,
    which have none. `caller_claim` names the caller: who may choose its value may choose whom to be.
    `plan_claim` holds a plan's name, or a list with it, such as groups; without it all are `standard`. The
    keys are at `jwks_url`, or where `issuer`/.well-known/openid-configuration says."""

    issuer: Annotated[str, Field(min_length=1)]
    audience: Annotated[str, Field(min_length=1)]
    caller_claim: Claim = "sub"
    plan_claim: Claim | None = None
    jwks_url: str | None = None
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = (
        "RS256",
        "RS384",
        "RS512",
        "ES256",
        "ES384",
        "ES512",
    )
    """Whose signatures count."""
