"""What makes two requests the same: of which claims their answers may be kept and given again."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from functions.shared.catalogue.pricing import price_version
from functions.shared.contracts.decision import CACHE, IDEMPOTENCY, RETRY, Claim
from functions.shared.contracts.request import GenerateRequest
from functions.shared.contracts.states import AnyRequest, ClassifyInput, json_of
from functions.shared.policy.routing_policy import load_policy
from functions.shared.prompts import templates_version

KEY_KEPT_S = 86_400
"""How long an Idempotency-Key is known, from its answer on."""
RETRY_KEPT_S = 600 + 8
"""How long a client's own retry may come after an answer that was lost: OpenAI's give up after 600 s and
pause 8 s at the most, https://github.com/openai/openai-python/blob/main/src/openai/_constants.py."""


def claims_of(event: ClassifyInput, request: AnyRequest, routing_policy: str) -> list[Claim]:
    """What is of this very request first: whoever holds that one may have to wait for the other."""
    key, ttl_s = event.idempotency_key, _cached_for_s(event, request)
    retries = event.client_retry_count
    if not key and retries is None and not ttl_s:
        return []
    asked, claims = json_of(request), list[Claim]()
    # The same key on another path is another request.
    fingerprint = _digest([event.mode, asked])
    if key:
        of_key = _digest([IDEMPOTENCY, event.caller_id, key])
        claims.append(
            Claim(
                kind=IDEMPOTENCY, answer_id=of_key, fingerprint=fingerprint, kept_for_s=KEY_KEPT_S
            )
        )
    elif retries is not None:
        claims.append(
            Claim(
                kind=RETRY,
                answer_id=_digest([RETRY, event.caller_id, fingerprint]),
                fingerprint=fingerprint,
                kept_for_s=RETRY_KEPT_S,
                joins=retries > 0,
            )
        )
    if ttl_s:
        of_request = _digest([CACHE, event.caller_id, asked, _made_by(event, routing_policy)])
        claims.append(
            Claim(kind=CACHE, answer_id=of_request, fingerprint=fingerprint, kept_for_s=ttl_s)
        )
    return claims


def _cached_for_s(event: ClassifyInput, request: AnyRequest) -> int:
    """0 where the answer is not to be kept. A turn of tools is never: what they did, they did once. A
    caller that gets its default has not said that a random answer may come twice."""
    by_default_s = event.caller.cache_ttl_seconds
    if isinstance(request, GenerateRequest):
        if request.tools or request.called_tools:
            return 0
        by_default_s = 0 if request.temperature else by_default_s
    return by_default_s if request.cache_ttl_seconds is None else request.cache_ttl_seconds


def _made_by(event: ClassifyInput, routing_policy: str) -> dict[str, Any]:
    """What an answer depends on beside the request."""
    return {
        "models": event.caller.models,
        "policy_version": load_policy(routing_policy).version,
        "prompts_version": templates_version(),
        "price_version": price_version(),
    }


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
