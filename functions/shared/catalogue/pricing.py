"""What a call costs, from the generated price table; `python -m training prices` makes it."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from functions.shared.vocabulary import Count, Frozen, Usage

_TABLE = Path(__file__).with_name("prices.json")
_NANO_USD_PER_USD_AND_TOKEN = 1_000
"""A rate is in USD per million tokens."""


class UnpricedModel(LookupError):
    """The model has no known price; never taken for free."""


class Rates(Frozen):
    """USD per million tokens. A missing cache rate means that the cache has no price of its own."""

    above_input_tokens: Count = 0
    """These rates hold for the whole call once its input has more tokens than this."""
    input_usd_per_mtok: Decimal
    output_usd_per_mtok: Decimal
    cached_input_usd_per_mtok: Decimal | None = None
    cache_write_usd_per_mtok: Decimal | None = None

    @cached_property
    def nano_usd_per_mtok(self) -> tuple[int, int]:
        """Of input and output. Raises `ValueError` for a price that is finer than that."""
        scaled = [rate.scaleb(9) for rate in (self.input_usd_per_mtok, self.output_usd_per_mtok)]
        if any(rate != int(rate) for rate in scaled):
            raise ValueError("a price per million tokens is finer than a nano-dollar")
        return int(scaled[0]), int(scaled[1])


class ModelPrice(Frozen):
    """`rates` in ascending order of their thresholds, the first one from 0."""

    source: str
    rates: Annotated[list[Rates], Field(min_length=1)]

    def rates_for(self, input_tokens: int) -> Rates:
        if len(self.rates) == 1:
            return self.rates[0]
        reached = [
            rates
            for rates in self.rates
            if input_tokens > rates.above_input_tokens or not rates.above_input_tokens
        ]
        return reached[-1]


class PriceTable(Frozen):
    price_version: str
    models: dict[str, ModelPrice]


@lru_cache
def load_prices() -> PriceTable:
    return PriceTable.model_validate(json.loads(_TABLE.read_text("utf-8")))


def price_version() -> str:
    return load_prices().price_version


def cost_nano_usd(model_id: str, usage: Usage) -> int:
    """Rounded half up. Raises `UnpricedModel`."""
    try:
        price = load_prices().models[model_id]
    except KeyError:
        raise UnpricedModel(model_id) from None
    rates = price.rates_for(usage.total_input_tokens)
    full = rates.input_usd_per_mtok
    cached, written = rates.cached_input_usd_per_mtok, rates.cache_write_usd_per_mtok
    total = (
        usage.input_tokens * full
        + usage.cached_input_tokens * (full if cached is None else cached)
        + usage.cache_write_tokens * (full if written is None else written)
        + usage.output_tokens * rates.output_usd_per_mtok
    )
    return int((total * _NANO_USD_PER_USD_AND_TOKEN).to_integral_value(ROUND_HALF_UP))


def estimated_nano_usd(
    model_id: str, input_tokens: int, output_tokens: int, most_output_tokens: int
) -> tuple[int, int]:
    """What a call costs with so many output tokens, and what with the most, in nano-dollars.

    The same figures as `cost_nano_usd` gives, for the ranking of a whole catalogue: in whole numbers,
    an order of magnitude faster. Raises `UnpricedModel`.
    """
    try:
        price = load_prices().models[model_id]
    except KeyError:
        raise UnpricedModel(model_id) from None
    per_input, per_output = price.rates_for(input_tokens).nano_usd_per_mtok
    given = input_tokens * per_input + 500_000
    return (
        (given + output_tokens * per_output) // 1_000_000,
        (given + most_output_tokens * per_output) // 1_000_000,
    )
