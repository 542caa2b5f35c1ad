"""What an answer of Converse says of its price."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from functions.invoke_provider.providers.wire_model import OrNone, Tokens, WireModel, parse_bill
from functions.shared.vocabulary import PriceTier, Usage

_TIERS: dict[str | None, PriceTier] = {"priority": "priority", "flex": "flex"}


class CamelModel(WireModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _CacheWrite(CamelModel):
    ttl: str
    input_tokens: Tokens


class _Usage(CamelModel):
    input_tokens: Tokens
    output_tokens: Tokens
    cache_read_input_tokens: Tokens | None = None
    cache_write_input_tokens: Tokens | None = None
    cache_details: list[_CacheWrite] | None = None


class _ServiceTier(CamelModel):
    type: str | None = None


class _Bill(CamelModel):
    usage: _Usage
    service_tier: Annotated[_ServiceTier | None, OrNone] = None


def usage_in(answer: object) -> Usage | None:
    """None where it is missing, or no usage. The cache's tokens are outside `input_tokens`, as in ours;
    reasoning is not told apart."""
    bill, is_odd = parse_bill(_Bill, answer)
    if bill is None:
        return None
    told = bill.usage
    written = told.cache_write_input_tokens or 0
    details = [one.input_tokens for one in told.cache_details or [] if one.ttl == "1h"]
    written_long = min(written, sum(details))
    return Usage(
        input_tokens=told.input_tokens,
        cached_input_tokens=told.cache_read_input_tokens or 0,
        cache_write_tokens=written - written_long,
        long_cache_write_tokens=written_long,
        output_tokens=told.output_tokens,
        tier=_TIERS.get((bill.service_tier or _ServiceTier()).type, "standard"),
        estimated=is_odd,
    )
