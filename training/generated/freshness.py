"""What of the prices and of the catalogue has grown old by a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from functions.shared.catalogue.models import Catalogue
from training.generated.price_sources import load_sources
from training.generated.prices import checked_on

PRICES_HOLD = timedelta(days=60)
"""Since a price was held against its source."""
NOTICE = timedelta(days=30)
"""In which a model that retires needs a successor."""


def stale(catalogue: Catalogue, today: date) -> list[str]:
    """A line for each finding; nothing for a model that can no longer be called."""
    return [*_old_prices(catalogue, today), *_without_successor(catalogue, today)]


def _old_prices(catalogue: Catalogue, today: date) -> Iterator[str]:
    for model in catalogue.models:
        if model.provider == "local" or model.is_retired(today):
            continue
        if _is_old(checked := checked_on(model), today):
            yield f"{model.id}: its price was checked on {checked}, over {PRICES_HOLD.days} days ago"
    for factor in load_sources().factors:
        if _is_old(factor.checked, today):
            yield f"{factor.page}: read on {factor.checked}, over {PRICES_HOLD.days} days ago"


def _is_old(checked: date, today: date) -> bool:
    return today - checked > PRICES_HOLD


def _without_successor(catalogue: Catalogue, today: date) -> Iterator[str]:
    for model in catalogue.models:
        if model.retires_on is None or not today < model.retires_on <= today + NOTICE:
            continue
        try:
            catalogue.live_successor(model.id, model.retires_on)
        except LookupError:
            yield f"{model.id}: retires on {model.retires_on} and has no successor"
