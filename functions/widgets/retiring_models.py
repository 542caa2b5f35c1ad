"""The models that retire soon, so that nobody is surprised by it."""

from __future__ import annotations

from datetime import datetime

from functions.shared.catalogue.models import load_catalogue
from functions.shared.policy.provider_choice import ProviderChoice
from functions.shared.settings import WidgetSettings
from functions.widgets.markup import paragraph, table

WITHIN_DAYS = 60


def retiring_models(settings: WidgetSettings, now: datetime) -> str:
    """Of those that can be asked, the next one first; a model retires at the begin of its day, UTC."""
    choice, today = ProviderChoice.of(settings), now.date()
    rows = [
        (model.retires_on, model.id, model.provider, days, model.successor or "none")
        for model in load_catalogue().models
        if model.retires_on
        and choice.answered_by(model.provider, pinned=False)
        and 0 <= (days := (model.retires_on - today).days) <= WITHIN_DAYS
    ]
    if not rows:
        return paragraph(f"No model that can be asked retires within {WITHIN_DAYS} days.")
    return table(
        ("Model", "Provider", "Retires on", "Days left", "Successor"),
        (
            (model, provider, retires_on, days, successor)
            for retires_on, model, provider, days, successor in sorted(rows)
        ),
    )
