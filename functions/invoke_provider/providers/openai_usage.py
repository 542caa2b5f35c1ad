"""What a call of either of OpenAI's interfaces says of its price, and its answer."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, Field

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.wire_model import (
    OrNone,
    PartOfTokens,
    Tokens,
    WireModel,
    parse_bill,
)
from functions.shared.vocabulary import PriceTier, Usage

_TIERS: dict[str | None, PriceTier] = {"priority": "priority", "fast": "priority", "flex": "flex"}
"""Both names are of one tier: https://developers.openai.com/api/docs/guides/priority-processing"""


_WITH_TIERS = frozenset({"openai", "azure_openai"})
"""Others refuse what they do not know, or take no notice of it."""


class _WriteDetails(WireModel):
    """By the time that it is kept at least."""

    ttl_12h_tokens: PartOfTokens = None


class _Input(WireModel):
    cached_tokens: PartOfTokens = None
    cache_write_tokens: PartOfTokens = None
    cache_write_tokens_details: _WriteDetails | None = None


class _Output(WireModel):
    reasoning_tokens: PartOfTokens = None


class _Usage(WireModel):
    """Chat Completions' names, or those of Responses."""

    input_tokens: Tokens = Field(validation_alias=AliasChoices("prompt_tokens", "input_tokens"))
    output_tokens: Tokens = Field(
        validation_alias=AliasChoices("completion_tokens", "output_tokens")
    )
    total_tokens: PartOfTokens = None
    inputs: _Input | None = Field(
        None, validation_alias=AliasChoices("prompt_tokens_details", "input_tokens_details")
    )
    outputs: _Output | None = Field(
        None, validation_alias=AliasChoices("completion_tokens_details", "output_tokens_details")
    )


class _Bill(WireModel):
    usage: _Usage
    service_tier: Annotated[str | None, OrNone] = None


def pinned_price(model: CalledModel) -> dict[str, Any]:
    """What a project's own settings would otherwise decide: its tier, and whether each long prompt is
    written to a cache at 1.25 times its price. With no breakpoint of ours nothing is written:
    https://developers.openai.com/api/docs/guides/prompt-caching. Nothing where neither is known."""
    if model.provider not in _WITH_TIERS:
        return {}
    pinned: dict[str, Any] = {"service_tier": "default"}
    if model.implicit_cache_writes:
        pinned["prompt_cache_options"] = {"mode": "explicit"}
    return pinned


def usage_in(body: object) -> Usage | None:
    """None where it is missing, or cannot be true.

    OpenAI counts cached and cache-written tokens among the input; our parts are disjoint. A total over
    the sum is of servers that count reasoning on top of the output.
    """
    bill, is_odd = parse_bill(_Bill, body)
    if bill is None:
        return None
    told, inputs = bill.usage, bill.usage.inputs or _Input()
    details = inputs.cache_write_tokens_details or _WriteDetails()
    cached, written = inputs.cached_tokens or 0, inputs.cache_write_tokens or 0
    written_long = min(written, details.ttl_12h_tokens or 0)
    if cached + written > told.input_tokens:
        return None
    untold = max(0, (told.total_tokens or 0) - told.input_tokens - told.output_tokens)
    return Usage(
        input_tokens=told.input_tokens - cached - written,
        cached_input_tokens=cached,
        cache_write_tokens=written - written_long,
        long_cache_write_tokens=written_long,
        output_tokens=told.output_tokens + untold,
        reasoning_tokens=(told.outputs or _Output()).reasoning_tokens or 0,
        tier=_TIERS.get(bill.service_tier, "standard"),
        estimated=is_odd or untold > 0,
    )
