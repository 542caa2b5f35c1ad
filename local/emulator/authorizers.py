"""Lambda authorizers: what upstream forgets of their verdicts, and that it forgets none of them when asked.

It keeps a verdict's policy and context for as long as it should, and drops its `usageIdentifierKey`, and on a
denial the context as well, which an answer of the gateway's may quote:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
FlushStageAuthorizersCache it does not know.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from ministack.services import apigateway_v1 as gateway

from local.emulator.exchange import current

_invoke = gateway._invoke_authorizer_lambda
_evaluate = gateway._evaluate_policy
_handle_request = gateway.handle_request
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
    # The path is in it as it was sent, and upstream decodes it: no wildcard of its matches a line end.
    return _evaluate(policy, quote(method_arn, safe=":/*"))


async def _request(method: str, path: str, *request: Any) -> Any:
    match method, path.strip("/").split("/"):
        case "DELETE", ["restapis", api_id, "stages", stage_name, "cache", "authorizers"]:
            return _flushed(api_id, stage_name)
    return await _handle_request(method, path, *request)


def _flushed(api_id: str, stage_name: str) -> Any:
    if stage_name not in gateway.stages_for_api(api_id):
        return gateway._v1_error("NotFoundException", "Invalid stage identifier specified", 404)
    cache = gateway._authorizer_cache
    # By account, region, API, authorizer, stage and what the caller identified itself with.
    for key in [one for one in cache if (one[2], one[4]) == (api_id, stage_name)]:
        del cache[key]
    return 202, {}, b""


def install() -> None:
    """Replace ministack's functions."""
    gateway._invoke_authorizer_lambda = _invoked
    gateway._evaluate_policy = _evaluated
    gateway.handle_request = _request
