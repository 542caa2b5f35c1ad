"""`price_sources.toml`: what is read by hand beside genai-prices, with the page and the day of each."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from functions.shared.catalogue.pricing import AscendingRates
from functions.shared.vocabulary import Frozen, InferenceGeo, PriceTier, Provider

SOURCES_FILE = Path(__file__).with_name("price_sources.toml")


class _Read(Frozen):
    """`checked`: the day on which the page was read last."""

    page: str
    checked: date


class Package(Frozen):
    """`checked`: the day on which the pinned release was the newest. What a model costs otherwise
    than it stands in the table is taken to hold from `holds_from` on."""

    checked: date
    holds_from: date


class HandPrice(_Read):
    """A second opinion on a model's price. It is the table's where the package has none, or where
    `decides` says why it is the better one."""

    id: str
    effective_from: date
    decides: str = ""
    rates: AscendingRates
    tiers: dict[PriceTier, AscendingRates] = Field(default_factory=dict)


class Factor(_Read):
    """A documented multiple of a provider's standard rates."""

    provider: Provider
    factor: Annotated[Decimal, Field(gt=0)]


class TierFactor(Factor):
    tier: PriceTier


class GeoFactor(Factor):
    geo: InferenceGeo


class Retirement(_Read):
    """A second opinion on when a model retires."""

    id: str
    retires_on: date


class Sources(Frozen):
    genai_prices: Package
    prices: tuple[HandPrice, ...]
    tier_factors: tuple[TierFactor, ...]
    long_write_factors: tuple[Factor, ...]
    geo_factors: tuple[GeoFactor, ...]
    retirements: tuple[Retirement, ...] = ()

    @property
    def newest(self) -> date:
        """The day on which anything was checked last."""
        return max(self._days())

    def _days(self) -> Iterator[date]:
        yield self.genai_prices.checked
        for told in (*self.prices, *self.factors):
            yield told.checked

    @property
    def factors(self) -> tuple[Factor, ...]:
        return (*self.tier_factors, *self.long_write_factors, *self.geo_factors)

    def price_of(self, model_id: str) -> HandPrice | None:
        return self._by_model.get(model_id)

    def tiers_of(self, provider: Provider) -> dict[PriceTier, TierFactor]:
        return {one.tier: one for one in self.tier_factors if one.provider == provider}

    def geos_of(self, provider: Provider) -> dict[InferenceGeo, GeoFactor]:
        return {one.geo: one for one in self.geo_factors if one.provider == provider}

    @cached_property
    def long_cache_writes(self) -> dict[Provider, Factor]:
        return {one.provider: one for one in self.long_write_factors}

    @cached_property
    def _by_model(self) -> dict[str, HandPrice]:
        return {price.id: price for price in self.prices}


@lru_cache
def load_sources() -> Sources:
    """Raises `pydantic.ValidationError` for a file that breaks its own rules."""
    return Sources.model_validate(tomllib.loads(SOURCES_FILE.read_text("utf-8")))
