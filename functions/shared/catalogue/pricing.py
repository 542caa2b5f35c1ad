"""What a call costs, from the generated price table; `python -m training prices` makes it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from functions.shared.catalogue.additions import Additions, load_additions
from functions.shared.vocabulary import (
    Count,
    Frozen,
    InferenceGeo,
    PriceFactors,
    PriceTier,
    Provider,
    Usage,
)

_TABLE = Path(__file__).with_name("prices.json")
_LIST_PRICE = Decimal(1)
_TOKENS, _HALF = 1_000_000, 500_000
"""That a rate is for."""

UsdPerMtok = Annotated[Decimal, Field(ge=0, decimal_places=9)]
"""US dollars per million tokens, no finer than a nano-dollar."""


NO_KNOWN_PRICE = "has no known price"
"""Why a model is never asked."""


class UnpricedModel(LookupError):
    """The model has no known price; never taken for free."""


class UnknownPriceVersion(LookupError):
    """No table of this version was ever made."""


class WholeRates(NamedTuple):
    """In nano-dollars per million tokens, so that a cost is a sum of whole numbers."""

    input: int
    cached_input: int
    cache_write: int
    long_cache_write: int
    output: int
    dearest_input: int
    """Fresh or written to a cache for a short while."""


class Rates(Frozen):
    """A missing rate of cached input or of writing it means that it costs as other input does, a
    missing one of long writes as short ones."""

    above_input_tokens: Count = 0
    """These rates hold for the whole call once its input has more tokens than this."""
    input_usd_per_mtok: UsdPerMtok
    output_usd_per_mtok: UsdPerMtok
    cached_input_usd_per_mtok: UsdPerMtok | None = None
    cache_write_usd_per_mtok: UsdPerMtok | None = None
    long_cache_write_usd_per_mtok: UsdPerMtok | None = None

    @cached_property
    def whole(self) -> WholeRates:
        fresh = self.input_usd_per_mtok
        cached, written = self.cached_input_usd_per_mtok, self.cache_write_usd_per_mtok
        written = fresh if written is None else written
        long = self.long_cache_write_usd_per_mtok
        told = (
            fresh,
            fresh if cached is None else cached,
            written,
            written if long is None else long,
            self.output_usd_per_mtok,
            max(fresh, written),
        )
        return WholeRates(*(int(rate.scaleb(9)) for rate in told))


AscendingRates = Annotated[tuple[Rates, ...], Field(min_length=1)]
"""In the order of their thresholds, the first one from 0."""


class ModelPrice(Frozen):
    """What a model costs from a day on, until an entry with a later day.

    `tiers` are those whose rates are other than the standard ones; `inference_geos` are factors on
    all rates.
    """

    effective_from: date
    source: str
    rates: AscendingRates
    tiers: dict[PriceTier, AscendingRates] = Field(default_factory=dict)
    inference_geos: dict[InferenceGeo, Decimal] = Field(default_factory=dict)

    @cached_property
    def short(self) -> tuple[int, WholeRates]:
        """The most tokens of input that the first rates hold for, and these."""
        most = self.rates[1].above_input_tokens if len(self.rates) > 1 else sys.maxsize
        return most, self.rates[0].whole

    def rates_for(self, input_tokens: int, tier: PriceTier = "standard") -> WholeRates:
        reached, *others = self.tiers.get(tier, self.rates)
        for rates in others:
            if input_tokens > rates.above_input_tokens:
                reached = rates
        return reached.whole


class PriceEdition(Frozen):
    """What a version of the table brought; the version is the day and a hash of the content."""

    price_version: str
    models: dict[str, ModelPrice]


class PriceTable(Frozen):
    """Every price that was ever told. An edition is only ever added: an entry for a day that an
    earlier one has an entry for corrects it.

    `added` are the prices of the stage's own models. It keeps no older ones: a version names what they
    are by a hash behind a `+`.
    """

    editions: Annotated[tuple[PriceEdition, ...], Field(min_length=1)]
    added: dict[str, ModelPrice] = Field(default_factory=dict)

    @cached_property
    def price_version(self) -> str:
        return self.editions[-1].price_version + self._added_version

    @cached_property
    def _added_version(self) -> str:
        if not self.added:
            return ""
        told = self.model_dump_json(include={"added"}).encode()
        return f"+{hashlib.sha256(told).hexdigest()[:8]}"

    def as_of(self, version: str) -> PriceTable:
        """What the table was in that version, without the stage's own prices where they were others.
        Raises `UnknownPriceVersion`."""
        versions = [edition.price_version for edition in self.editions]
        told, _, added = version.partition("+")
        if told not in versions:
            raise UnknownPriceVersion(version)
        return PriceTable(
            editions=self.editions[: versions.index(told) + 1],
            added=self.added if f"+{added}" == self._added_version else {},
        )

    @property
    def models(self) -> frozenset[str]:
        return frozenset(self._newest_first)

    def in_force(self, model_id: str, on: date) -> ModelPrice:
        """The entry of a day; before the first one, the first. Raises `UnpricedModel`."""
        known = self._newest_first.get(model_id)
        if known is None:
            raise UnpricedModel(model_id)
        for day, price in known:
            if day <= on:
                return price
        return known[-1][1]

    @cached_property
    def _newest_first(self) -> Mapping[str, tuple[tuple[date, ModelPrice], ...]]:
        by_day: dict[str, dict[date, ModelPrice]] = {
            model: {price.effective_from: price} for model, price in self.added.items()
        }
        for edition in self.editions:
            for model, price in edition.models.items():
                by_day.setdefault(model, {})[price.effective_from] = price
        return {
            model: tuple(sorted(days.items(), key=itemgetter(0), reverse=True))
            for model, days in by_day.items()
        }


@lru_cache
def load_prices(version: str | None = None) -> PriceTable:
    """The newest table, or what it was in a version. Raises `UnknownPriceVersion`."""
    if version is not None:
        return load_prices().as_of(version)
    return prices_with(load_additions())


def prices_with(additions: Additions) -> PriceTable:
    """Raises `pydantic.ValidationError`."""
    editions = json.loads(_TABLE.read_text("utf-8"))["editions"]
    return PriceTable.model_validate({"editions": editions, "added": additions.prices})


def price_version() -> str:
    return load_prices().price_version


def price_factor(provider: Provider, factors: PriceFactors) -> Decimal:
    """What a stage's calls of a provider cost, as a multiple of the list price."""
    return factors.get(provider, _LIST_PRICE)


def cost_nano_usd(
    model_id: str,
    usage: Usage,
    on: date,
    factor: Decimal = _LIST_PRICE,
    version: str | None = None,
) -> int:
    """Of a call on a day (UTC), rounded half up once; by the table of a version, or by the newest.

    Raises `UnpricedModel` and `UnknownPriceVersion`.
    """
    table = load_prices() if version is None else load_prices(version)
    price = table.in_force(model_id, on)
    rates = price.rates_for(usage.total_input_tokens, usage.tier)
    total = (
        usage.input_tokens * rates.input
        + usage.cached_input_tokens * rates.cached_input
        + usage.cache_write_tokens * rates.cache_write
        + usage.long_cache_write_tokens * rates.long_cache_write
        + usage.output_tokens * rates.output
    )
    return _rounded(total, factor * price.inference_geos.get(usage.inference_geo, _LIST_PRICE))


def estimated_nano_usd(
    model_id: str,
    *,
    input_tokens: int,
    output_tokens: int,
    most_input_tokens: int,
    most_output_tokens: int,
    on: date,
    factor: Decimal = _LIST_PRICE,
) -> tuple[int, int]:
    """What a call is expected to cost, and what it costs at most, at the standard tier.

    The first is what `cost_nano_usd` gives for input that no cache knows. For the second a provider
    may have written all of the input to its cache for a short while, and counted as much of it as
    makes a long prompt. Raises `UnpricedModel`.
    """
    price = load_prices().in_force(model_id, on)
    most_short, expected = price.short
    dearest = expected
    if most_input_tokens > most_short:
        expected, dearest = price.rates_for(input_tokens), price.rates_for(most_input_tokens)
    likely = input_tokens * expected.input + output_tokens * expected.output
    most = most_input_tokens * dearest.dearest_input + most_output_tokens * dearest.output
    if factor is _LIST_PRICE:  # As nearly always, and five times as quick.
        return (likely + _HALF) // _TOKENS, (most + _HALF) // _TOKENS
    return _rounded(likely, factor), _rounded(most, factor)


def _rounded(nano_usd_and_tokens: int, factor: Decimal) -> int:
    numerator, denominator = factor.as_integer_ratio()
    whole = _TOKENS * denominator
    return (2 * nano_usd_and_tokens * numerator + whole) // (2 * whole)
