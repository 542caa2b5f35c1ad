"""The price table of our models, from the genai-prices package and `price_sources.toml`.

The table only grows: what the sources tell otherwise than it stands there is added as a new edition.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices import Usage, calc_price
from genai_prices.types import (
    ModelPrice,
    PriceCalculation,
    StartDateConstraint,
    TieredPrices,
)

from functions.shared.catalogue import models as catalogue
from functions.shared.catalogue.models import Model, load_catalogue
from functions.shared.catalogue.pricing import ModelPrice as TablePrice
from functions.shared.catalogue.pricing import PriceTable
from functions.shared.vocabulary import PriceTier
from training.generated.price_sources import Factor, HandPrice, load_sources

PRICES_FILE = Path(catalogue.__file__).with_name("prices.json")

_PROVIDER_IDS = {
    "local": "local",
    "openai": "openai",
    "anthropic": "anthropic",
    "azure_openai": "azure",
    "bedrock": "aws",
    "gemini": "google",
}
_FIELDS = {
    "input_mtok": "input_usd_per_mtok",
    "cache_read_mtok": "cached_input_usd_per_mtok",
    "cache_write_mtok": "cache_write_usd_per_mtok",
    "cache_write_1h_mtok": "long_cache_write_usd_per_mtok",
    "output_mtok": "output_usd_per_mtok",
}
_CONTEXTS: dict[PriceTier, tuple[dict[str, str], ...]] = {
    "priority": ({"service_tier": "priority"},),
    "flex": ({"service_tier": "flex"},),
    "batch": ({"processing": "batch"},),
    "fast": ({"service_tier": "fast"}, {"speed": "fast"}),
}
"""What genai-prices calls a tier."""

Entry = dict[str, Any]
Edition = dict[str, Any]


class ChangedEdition(ValueError):
    """What stands in the table would not stand any more; it can only be added to."""


def render_prices(standing: str) -> str:
    """The file's text, its editions as they stand and a new one where the sources tell anything new.

    Raises `ChangedEdition`, also for a price that would be hidden by a later one, and `LookupError`
    for a model without a price and for a hand-kept price of no known model.
    """
    editions: list[Edition] = json.loads(standing)["editions"]
    check_editions(editions)
    models = load_catalogue().models
    if strangers := {price.id for price in load_sources().prices} - {model.id for model in models}:
        raise LookupError(f"prices of no known model: {sorted(strangers)}")
    _add_news(editions, {model.id: told_entry(model) for model in models})
    announced = {model.id: announced_days(model) for model in models}
    for day in sorted(set().union(*announced.values())):
        later = [model for model in models if day in announced[model.id]]
        _add_news(editions, {model.id: told_entry(model, day) for model in later})
    return _rendered(editions)


def _add_news(editions: list[Edition], told: dict[str, Entry]) -> None:
    table = PriceTable.model_validate({"editions": editions})
    if new := {model: entry for model, entry in told.items() if _is_news(table, model, entry)}:
        editions.append(_edition(editions, new, load_sources().newest))


def check_editions(editions: list[Edition]) -> None:
    """Raises `ChangedEdition`."""
    for index, edition in enumerate(editions):
        day = date.fromisoformat(edition["price_version"].partition(".")[0])
        made = _edition(editions[:index], edition["models"], day)
        if made["price_version"] != edition["price_version"]:
            raise ChangedEdition(
                f"edition {edition['price_version']} was changed; correct it by a new one"
            )


def _edition(before: list[Edition], models: dict[str, Entry], day: date) -> Edition:
    """Its hash covers the version before it, so that none can be left out."""
    content = {
        model: {name: told for name, told in entry.items() if told != f"{day}"}
        for model, entry in models.items()
    }
    previous = before[-1]["price_version"] if before else ""
    digest = hashlib.sha256((previous + json.dumps(content, sort_keys=True)).encode()).hexdigest()
    return {"price_version": f"{day}.{digest[:8]}", "models": models}


def _rendered(editions: list[Edition]) -> str:
    """A line for each entry."""
    blocks = [
        f'  {{"price_version": "{edition["price_version"]}", "models": {{\n'
        + ",\n".join(
            f"   {json.dumps(model)}: {json.dumps(entry, ensure_ascii=False)}"
            for model, entry in edition["models"].items()
        )
        + "\n  }}"
        for edition in editions
    ]
    return '{\n "editions": [\n' + ",\n".join(blocks) + "\n ]\n}\n"


def _is_news(table: PriceTable, model_id: str, entry: Entry) -> bool:
    """A source that only calls itself otherwise is none."""
    if model_id not in table.models:
        return True
    told = TablePrice.model_validate(entry)
    stands = table.in_force(model_id, max(load_sources().newest, told.effective_from))
    changes = {"source": told.source, "effective_from": told.effective_from}
    if stands.model_copy(update=changes) == told:
        return False
    if told.effective_from < stands.effective_from:
        raise ChangedEdition(f"{model_id}: its price stands from {stands.effective_from} on")
    return True


def told_entry(model: Model, on: date | None = None) -> Entry:
    """What the sources say, also of a day to come. Raises `LookupError` for a model that none of them
    prices."""
    sources = load_sources()
    told = _told(model, on)
    entry = {**told[0], "tiers": {**told[-1]["tiers"], **told[0]["tiers"]}}
    long = sources.long_cache_writes.get(model.provider)
    ladders = [entry["rates"], *entry["tiers"].values()]
    for rates in (rates for ladder in ladders for rates in ladder):
        _tell_long_writes(rates, long)
    for tier, factor in sources.tiers_of(model.provider).items():
        # No call for vectors is asked at a tier.
        if tier not in entry["tiers"] and not model.vectors:
            entry["tiers"][tier] = [_times(rates, factor) for rates in entry["rates"]]
    if model.inference_geo:
        entry["inference_geos"] = {
            geo: str(factor.factor) for geo, factor in sources.geos_of(model.provider).items()
        }
    return {name: told for name, told in entry.items() if told}


def announced_days(model: Model) -> set[date]:
    """On which the package has another price to come; a hand-kept one that decides has none."""
    by_hand = load_sources().price_of(model.id)
    if by_hand and by_hand.decides:
        return set()
    try:
        prices = _calculated(model, {}).model.prices
    except LookupError:
        return set()
    constraints = [one.constraint for one in prices] if isinstance(prices, list) else []
    starts = [one.start_date for one in constraints if isinstance(one, StartDateConstraint)]
    return {start for start in starts if start > load_sources().genai_prices.checked}


def _told(model: Model, on: date | None) -> list[Entry]:
    """By the package and by hand, the one that decides first."""
    by_hand = load_sources().price_of(model.id)
    told = [packaged_entry(model, on), hand_kept_entry(by_hand) if by_hand else None]
    if by_hand and by_hand.decides:
        told.reverse()
    known = [entry for entry in told if entry]
    if not known:
        raise LookupError(f"no source has a price of {model.id}")
    return known


def checked_on(model: Model) -> date:
    """The day on which the price was last held against a source that has one."""
    sources = load_sources()
    days = [price.checked] if (price := sources.price_of(model.id)) else []
    return max([*days, sources.genai_prices.checked] if packaged_entry(model) else days)


def hand_kept_entry(price: HandPrice) -> Entry:
    told = price.model_dump(mode="json", exclude_none=True)
    return {
        "effective_from": told["effective_from"],
        "source": f"{price.page} (checked {price.checked})",
        "rates": told["rates"],
        "tiers": told["tiers"],
    }


def packaged_entry(model: Model, on: date | None = None) -> Entry | None:
    """As of the day that the package was read, or of one to come."""
    try:
        found = _calculated(model, {}, on)
    except LookupError:
        return None
    rates = _ladder(found.model_price)
    if model.vectors:
        rates = [{"output_usd_per_mtok": "0", **one} for one in rates]
    tiers = {
        tier: ladder
        for tier, contexts in _CONTEXTS.items()
        for context in contexts
        # The same for a tier that it does not know.
        if not model.vectors
        and (ladder := _ladder(_calculated(model, context, on).model_price)) != rates
    }
    return {
        "effective_from": str(on or load_sources().genai_prices.holds_from),
        "source": f"genai-prices {version('genai-prices')}, {found.provider.id}/{found.model.id}",
        "rates": rates,
        "tiers": tiers,
    }


def _calculated(model: Model, context: dict[str, str], on: date | None = None) -> PriceCalculation:
    """Raises `LookupError` for a model that the package does not know."""
    day = on or load_sources().genai_prices.checked
    return calc_price(
        Usage(input_tokens=1, output_tokens=1),
        model_ref=model.provider_model_id,
        provider_id=_PROVIDER_IDS[model.provider],
        genai_request_timestamp=datetime.combine(day, time(), UTC),
        price_context=context,
    )


def _ladder(price: ModelPrice) -> list[Entry]:
    thresholds = sorted({0} | {start for field in _FIELDS for start in _starts(price, field)})
    return [_rates(price, threshold) for threshold in thresholds]


def _starts(price: ModelPrice, field: str) -> list[int]:
    value = getattr(price, field, None)
    return [tier.start for tier in value.tiers] if isinstance(value, TieredPrices) else []


def _rates(price: ModelPrice, threshold: int) -> Entry:
    rates: Entry = {"above_input_tokens": threshold}
    for field, name in _FIELDS.items():
        value = getattr(price, field, None)
        if isinstance(value, TieredPrices):
            reached = [tier.price for tier in value.tiers if tier.start <= threshold]
            value = reached[-1] if reached else value.base
        if value is not None:
            rates[name] = _plain(Decimal(value))
    return rates


def _tell_long_writes(rates: Entry, factor: Factor | None) -> None:
    """Where no source tells their rate, it is the provider's multiple of the input's."""
    if factor and "cache_write_usd_per_mtok" in rates:
        told = _plain(Decimal(rates["input_usd_per_mtok"]) * factor.factor)
        rates.setdefault("long_cache_write_usd_per_mtok", told)


def _times(rates: Entry, factor: Factor) -> Entry:
    return {
        name: _plain(Decimal(told) * factor.factor) if name.endswith("_usd_per_mtok") else told
        for name, told in rates.items()
    }


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
