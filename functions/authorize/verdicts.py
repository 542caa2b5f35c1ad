"""What the gateway is told of a request, and keeps for as long as the authorizer says.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from functions.authorize.authorizing import Authorized
from functions.shared.contracts.states import json_of

_QUOTING = re.compile(r'["\\\\]')
"""The access log writes a name as it is into its JSON: a token's must not add fields to it."""


def allowed(authorized: Authorized, method_arn: str) -> dict[str, Any]:
    caller = authorized.caller
    context = {
        "caller_id": authorized.caller_id,
        "name": _QUOTING.sub("", caller.name),
        "plan": caller.plan,
        # A context has plain values only.
        "caller": json.dumps(json_of(caller), separators=(",", ":")),
    }
    verdict = _verdict("Allow", authorized.caller_id, method_arn)
    return verdict | {"context": context, "usageIdentifierKey": authorized.usage_key}


def denied(reason: str, method_arn: str) -> dict[str, Any]:
    """`reason` is for the caller."""
    return _verdict("Deny", "refused", method_arn) | {"context": {"reason": reason}}


def _verdict(effect: str, principal: str, method_arn: str) -> dict[str, Any]:
    """Of all methods of the stage: the gateway keeps it for the credential, not for the method."""
    api, stage = method_arn.split("/")[:2]
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": effect,
        "Resource": f"{api}/{stage}/*",
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": principal, "policyDocument": document}
