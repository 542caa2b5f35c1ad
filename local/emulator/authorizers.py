"""Lambda authorizers: what upstream forgets of their verdicts.

It keeps a verdict's policy and context for as long as it should, and drops its `usageIdentifierKey`, and on a
denial the context as well, which an answer of the gateway's may quote:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

from __future__ import annotations

import json
from typing import Any

from ministack.services import apigateway_v1 as gateway

from local.emulator.exchange import current

_invoke = gateway._invoke_authorizer_lambda
_evaluate = gateway._evaluate_policy
_KEPT = "Kept"
"""In the policy's document, which upstream keeps and hands on as it is."""


async def _invoked(authorizer: Any, event: dict[str, Any], *scope: Any) -> Any:
    result = await _invoke(authorizer, event, *scope)
    verdict = (result or {}).get("body")
    if isinstance(verdict, (str, bytes)):
        verdict = json.loads(verdict)
    if isinstance(verdict, dict) and isinstance(verdict.get("policyDocument"), dict):
        kept = {
            "authorizer": gateway._stringify_context(verdict.get("context")),
            "usage_key": verdict.get("usageIdentifierKey", ""),
        }
        policy = {**verdict["policyDocument"], _KEPT: kept}
        return {**result, "body": {**verdict, "policyDocument": policy}}
    return result


def _evaluated(policy: Any, method_arn: str) -> Any:
    if isinstance(policy, dict):
        current.get().update(policy.get(_KEPT, {}))
    return _evaluate(policy, method_arn)


def install() -> None:
    """Replace ministack's functions."""
    gateway._invoke_authorizer_lambda = _invoked
    gateway._evaluate_policy = _evaluated
