"""The price table of our models, from the genai-prices package and `price_overrides.toml`."""

from __future__ import annotations

import hashlib
import json
import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices import Usage, calc_price
from genai_prices.types import ModelPrice, TieredPrices

from functions.shared.catalogue import models as catalogue
from functions.shared.catalogue.models import Model, load_catalogue

PRICES_FILE = Path(catalogue.__file__).with_name("prices.json")
OVERRIDES_FILE = Path(__file__).with_name("price_overrides.toml")
PRICED_AT = datetime(2026, 11, 24, tzinfo=UTC)
"""The day the prices hold for; move it with each update of genai-prices."""

_PROVIDER_IDS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "azure_openai": "azure",
    "bedrock": "aws",
}
_FIELDS = {
    "input_mtok": "input_usd_per_mtok",
    "cache_read_mtok": "cached_input_usd_per_mtok",
    "cache_write_mtok": "cache_write_usd_per_mtok",
    "output_mtok": "output_usd_per_mtok",
}


def render_prices() -> str:
    """The file's text; the version changes with the content and only with it.

    Raises `LookupError` for a model without a price, and for an override of no known model.
    """
    overrides = _overrides()
    models = {
        model.id: overrides[model.id] if model.id in overrides else _published(model)
        for model in load_catalogue().models
    }
    if strangers := overrides.keys() - models.keys():
        raise LookupError(f"overrides of no known model: {sorted(strangers)}")
    digest = hashlib.sha256(json.dumps(models, sort_keys=True).encode()).hexdigest()
    table = {"price_version": f"{PRICED_AT:%Y-%m-%d}.{digest[:8]}", "models": models}
    return json.dumps(table, indent=1) + "\n"


def _overrides() -> dict[str, dict[str, Any]]:
    entries = tomllib.loads(OVERRIDES_FILE.read_text("utf-8"))["prices"]
    return {
        entry["id"]: {
            "source": f"{entry['source']} (checked {entry['checked']})",
            "rates": entry["rates"],
        }
        for entry in entries
    }


def _published(model: Model) -> dict[str, Any]:
    """Raises `LookupError` for a model that needs an override."""
    found = calc_price(
        Usage(input_tokens=1, output_tokens=1),
        model_ref=model.provider_model_id,
        provider_id=_PROVIDER_IDS[model.provider],
        genai_request_timestamp=PRICED_AT,
    )
    price = found.model_price
    thresholds = sorted({0} | {start for field in _FIELDS for start in _starts(price, field)})
    source = f"genai-prices {version('genai-prices')}, {found.provider.id}/{found.model.id}"
    return {"source": source, "rates": [_rates(price, start) for start in thresholds]}


def _starts(price: ModelPrice, field: str) -> list[int]:
    value = getattr(price, field)
    return [tier.start for tier in value.tiers] if isinstance(value, TieredPrices) else []


def _rates(price: ModelPrice, threshold: int) -> dict[str, Any]:
    rates: dict[str, Any] = {"above_input_tokens": threshold}
    for field, name in _FIELDS.items():
        value = getattr(price, field)
        if isinstance(value, TieredPrices):
            reached = [tier.price for tier in value.tiers if tier.start <= threshold]
            value = reached[-1] if reached else value.base
        if value is not None:
            rates[name] = f"{Decimal(value).normalize():f}"
    return rates
