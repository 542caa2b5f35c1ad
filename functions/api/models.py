"""The catalogue as its callers see it, in OpenAI's list shape and with what routing knows."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Literal

from functions.shared.catalogue.models import Model, load_catalogue
from functions.shared.catalogue.pricing import NO_KNOWN_PRICE, UnpricedModel, load_prices
from functions.shared.contracts.decision import Unset
from functions.shared.errors import NotFound
from functions.shared.health.listing import ListedHealth, listed_health
from functions.shared.health.reader import Health
from functions.shared.policy.provider_choice import NO_CREDENTIALS, AnsweredBy, ProviderChoice
from functions.shared.vocabulary import Frozen, Listing, Usd


class ListedRates(Frozen):
    """USD per million tokens; they hold for a call whose input has more than `above_input_tokens`."""

    above_input_tokens: int
    input_usd_per_mtok: Usd
    output_usd_per_mtok: Usd
    cached_input_usd_per_mtok: Usd | None
    cache_write_usd_per_mtok: Usd | None
    long_cache_write_usd_per_mtok: Usd | None


class ListedPrices(Frozen):
    price_version: str
    effective_from: date
    source: str
    rates: list[ListedRates]


class Limits(Frozen):
    """In tokens."""

    context_window: int
    max_output_tokens: int


class ListedVectors(Frozen):
    """Models of one `family` make the same ones. `other_dimensions` may be asked for, too, and where it `shortens`
    them any that are fewer."""

    family: str
    dimensions: int
    other_dimensions: list[int]
    shortens: bool
    takes_token_ids: bool


class ListedModel(Frozen):
    """`usable`: whether a request may be answered by it now, and by `unusable_reason` why not.

    `mock`: the simulator would answer in its place. `created` is OpenAI's field: the day on which the model
    was released, in epoch seconds, and 0 where a stage does not tell it of a model of its own.
    `health` is null where the state table cannot be read.
    """

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    provider: str
    provider_model_id: str
    usable: bool
    unusable_reason: str | None
    mock: bool
    tasks: list[str]
    capabilities: list[str]
    limits: Limits
    vectors: Annotated[ListedVectors | None, Unset] = None
    """Of a model that makes these, and no text."""
    prices: ListedPrices | None
    retires_on: date | None
    successor: str | None
    health: ListedHealth | None


class ModelList(Listing):
    """OpenAI's list, which has no further page."""

    data: list[ListedModel]

    object: Literal["list"] = "list"


def list_models(choice: ProviderChoice, now: datetime, health: Health | None) -> ModelList:
    models = load_catalogue().models
    return ModelList(data=[_listed(model, choice, now, health) for model in models])


def get_model(
    model_id: str, choice: ProviderChoice, now: datetime, health: Health | None
) -> ListedModel:
    """Raises `NotFound`."""
    try:
        model = load_catalogue().get(model_id)
    except KeyError:
        raise NotFound("There is no such model.") from None
    return _listed(model, choice, now, health)


def _listed(
    model: Model, choice: ProviderChoice, now: datetime, health: Health | None
) -> ListedModel:
    answered_by = choice.answered_by(model.provider, pinned=True)
    reason = _unusable_reason(model, answered_by, now.date())
    return ListedModel(
        id=model.id,
        created=_created(model),
        owned_by=model.provider,
        provider=model.provider,
        provider_model_id=model.provider_model_id,
        usable=reason is None,
        unusable_reason=reason,
        mock=answered_by == "simulator" and reason is None,
        tasks=sorted(model.quality),
        capabilities=sorted(model.capabilities),
        limits=Limits(
            context_window=model.context_window, max_output_tokens=model.max_output_tokens
        ),
        vectors=_vectors(model),
        prices=_prices(model.id, now.date()),
        retires_on=model.retires_on,
        successor=model.successor,
        health=listed_health(model, health, now),
    )


def _vectors(model: Model) -> ListedVectors | None:
    made = model.vectors
    if made is None:
        return None
    return ListedVectors(
        family=made.family,
        dimensions=made.dimensions,
        other_dimensions=list(made.other_dimensions),
        shortens=made.shortens,
        takes_token_ids=made.takes_token_ids,
    )


def _created(model: Model) -> int:
    if model.released is None:
        return 0
    return int(datetime.combine(model.released, time(), UTC).timestamp())


def _unusable_reason(model: Model, answered_by: AnsweredBy | None, today: date) -> str | None:
    if model.is_retired(today):
        return f"retired on {model.retires_on}"
    if not model.quality:
        return model.quality_source
    if model.id not in load_prices().models:
        return NO_KNOWN_PRICE
    return NO_CREDENTIALS if answered_by is None else None


def _prices(model_id: str, today: date) -> ListedPrices | None:
    table = load_prices()
    try:
        price = table.in_force(model_id, today)
    except UnpricedModel:
        return None
    return ListedPrices(
        price_version=table.price_version,
        effective_from=price.effective_from,
        source=price.source,
        rates=[ListedRates.model_validate(rates.model_dump()) for rates in price.rates],
    )
