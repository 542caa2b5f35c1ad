"""The table of faults: what a provider does, whether it bills the call, and whether it tells for how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from functions.shared.vocabulary import Provider

REMOTE: tuple[Provider, ...] = ("openai", "azure_openai", "anthropic", "bedrock")

Ending = Literal["whole", "hangs", "breaks off", "stalls", "errs", "trickles", "kills"]
"""How an answer comes: all of it, nothing, half and then no more, half and then silence, half and then an error
(of one that is streamed), a byte now and then, or to a function that is killed while it waits."""


@dataclass(frozen=True)
class Refusal:
    """An HTTP answer that is no success; `kind` and `code` are the provider's words for it."""

    status: int
    kind: str
    code: str | None = None
    message: str = "No."
    retry_after_s: int | None = None


@dataclass(frozen=True)
class Fault:
    """`refusals` by provider, where it refuses the call, and then bills nothing, but for those of `PROCESSED`.
    Every other call is billed, and `told` says whether the gateway can know for how much."""

    name: str
    refusals: Mapping[Provider, Refusal] = field(default_factory=dict)
    told: bool = True
    ending: Ending = "whole"

    def befalls(self, provider: Provider) -> bool:
        return not self.refusals or provider in self.refusals


def _refused(
    name: str, openai: Refusal, anthropic: Refusal | None = None, bedrock: Refusal | None = None
) -> Fault:
    """Azure OpenAI speaks as OpenAI does."""
    told = {"openai": openai, "azure_openai": openai, "anthropic": anthropic, "bedrock": bedrock}
    return Fault(name, {provider: one for provider in REMOTE if (one := told[provider])})


_LONG = "prompt is too long: 2000001 tokens > 2000000 maximum"
_THROTTLED = (
    Refusal(429, "rate_limit_error", "rate_limit_exceeded"),
    Refusal(429, "rate_limit_error"),
    Refusal(429, "ThrottlingException"),
)

WELL = Fault("well")

FAULTS = (
    _refused("throttled", *_THROTTLED),
    _refused("throttled_for_long", *(replace(one, retry_after_s=7) for one in _THROTTLED)),
    _refused(
        "failing",
        Refusal(500, "server_error", "server_error"),
        Refusal(500, "api_error"),
        Refusal(500, "InternalServerException"),
    ),
    _refused(
        "overloaded",
        Refusal(503, "server_error", "server_is_overloaded"),
        Refusal(529, "overloaded_error"),
        Refusal(503, "ServiceUnavailableException"),
    ),
    _refused(
        "too_long",
        Refusal(400, "invalid_request_error", "context_length_exceeded", _LONG),
        Refusal(400, "invalid_request_error", message=_LONG),
        Refusal(400, "ValidationException", message="Input is too long for requested model."),
    ),
    _refused(
        "key_refused",
        Refusal(401, "invalid_request_error", "invalid_api_key"),
        Refusal(401, "authentication_error"),
        Refusal(403, "UnrecognizedClientException"),
    ),
    _refused(
        "no_money",
        Refusal(429, "insufficient_quota", "insufficient_quota"),
        Refusal(402, "billing_error"),
        Refusal(400, "ServiceQuotaExceededException"),
    ),
    _refused(
        "unknown_model",
        Refusal(404, "invalid_request_error", "model_not_found"),
        Refusal(404, "not_found_error"),
        Refusal(404, "ResourceNotFoundException"),
    ),
    _refused(
        "malformed_request",
        Refusal(400, "invalid_request_error", message="messages.0: not like this"),
        Refusal(400, "invalid_request_error", message="messages.0: not like this"),
        Refusal(400, "ValidationException", message="messages.0: not like this"),
    ),
    _refused("filtered", Refusal(400, "invalid_request_error", "content_filter")),
    Fault("refusal_in_answer"),
    Fault("misshapen"),
    Fault("cache"),
    Fault("priority_tier"),
    Fault("no_usage", told=False),
    Fault("zero_usage", told=False),
    Fault("impossible_usage", told=False),
    Fault("cut_json", told=False),
    Fault("html", told=False),
    Fault("hang", told=False, ending="hangs"),
    Fault("broken_off", told=False, ending="breaks off"),
    Fault("stall", told=False, ending="stalls"),
    Fault("error_midway", told=False, ending="errs"),
    Fault("trickle", told=False, ending="trickles"),
    Fault("killed", told=False, ending="kills"),
)
"""A connection that is refused is none of them, as nobody receives the call: the exchange's outages are."""

PROCESSED = frozenset({("azure_openai", "filtered"), ("azure_openai", "too_long")})
"""Refusals that are billed: https://learn.microsoft.com/en-us/azure/ai-services/openai/how-to/manage-costs"""

BY_NAME = {fault.name: fault for fault in (WELL, *FAULTS)}
