"""The gateway's own keys, by which it counts who uses how much of a usage plan.

With its keys' source AUTHORIZER the gateway takes them from the authorizer alone, so they open nothing and
are no secret: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-key-source.html
"""

from __future__ import annotations


def usage_key(service: str, caller_id: str) -> str:
    """The value of a caller's own."""
    return f"{service}-{caller_id}"


def plan_usage_key(service: str, plan: str) -> str:
    """The value of the one that callers of a plan share who have none of their own: tokens of the stage's
    issuer that nobody has entered as a caller."""
    return f"{service}-{plan}-callers"
