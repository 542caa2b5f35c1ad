"""Providers that a stage adds by its configuration: whatever speaks OpenAI's Chat Completions or Responses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from functions.shared.catalogue.additions import AddedProvider, Additions
from functions.shared.catalogue.models import TASKS, Model, load_catalogue
from functions.shared.catalogue.pricing import ModelPrice, Rates, UsdPerMtok
from functions.shared.contracts.image_address import public_address
from functions.shared.vocabulary import (
    BUILT_IN_PROVIDERS,
    EMBEDDING,
    Capability,
    Count,
    OutputLimitName,
    Sampling,
    Tokenizer,
)
from stacks.names import construct_name

MOST_EXTRA_PROVIDERS = 20
"""Each is a function with its role, log and secret, and a stack holds 500 resources."""
SIMULATOR = "simulator"
_UNRANKED = 0.5
_STAGE_SOURCE = "the stage's configuration"
_BEFORE_ANY_CALL = date(2020, 1, 1)

ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,30}$")]
ModelId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}$")]
Secret = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9/_+=.@-]{1,512}$")]


def _for_every_task(value: object) -> object:
    """One number, or those of some tasks: the others are taken to lie in the middle."""
    if isinstance(value, dict) and value.keys() == {EMBEDDING}:
        return value
    if isinstance(value, dict):
        return {**dict.fromkeys(TASKS, _UNRANKED), **value}
    return dict.fromkeys(TASKS, value)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ExtraPrices(_Part):
    """USD per million tokens; 0 is a price."""

    input: UsdPerMtok
    """Of what is sent."""
    output: UsdPerMtok
    """Of what comes back, reasoning included."""
    cached_input: UsdPerMtok | None = None
    """Without it, cached input costs as other input does."""

    @property
    def entry(self) -> ModelPrice:
        rates = Rates(
            input_usd_per_mtok=self.input,
            output_usd_per_mtok=self.output,
            cached_input_usd_per_mtok=self.cached_input,
        )
        return ModelPrice(effective_from=_BEFORE_ANY_CALL, source=_STAGE_SOURCE, rates=(rates,))


class ExtraModel(Model):
    """A catalogue's model, of which a stage needs to say little: what is left out is the careful guess. One with
    `vectors` makes these alone."""

    id: ModelId
    provider: Literal[""] = Field("", exclude=True)
    provider_model_id: str = ""
    """What the server calls it; without it, the id."""
    api: Literal["chat_completions", "responses", "embeddings"] = "chat_completions"
    tokenizer: Tokenizer = "claude"
    """The one that counts most is taken where none is named."""
    max_output_tokens: Count = 4_096
    capabilities: frozenset[Capability] = frozenset()
    output_limit_name: OutputLimitName = "max_tokens"
    """Which all such servers know, and Ollama alone: docs.ollama.com/api/openai-compatibility."""
    sampling: tuple[Sampling, ...] = ("temperature", "top_p")
    reasoning: bool = False
    time_to_first_token_ms: Annotated[int, Field(gt=0)] = 1_000
    output_tokens_per_second: Annotated[int, Field(gt=0)] = 50
    quality_source: Annotated[str, Field(min_length=1)] = _STAGE_SOURCE
    quality: Annotated[
        dict[str, Annotated[float, Field(ge=0, le=1)]], BeforeValidator(_for_every_task)
    ] = Field(default_factory=dict, validate_default=True)
    """In [0, 1], by task; one number is for every task, and 0.5 for each that is not named."""
    prices: ExtraPrices | None = None
    """Without them the model is known and never asked."""

    @model_validator(mode="before")
    @classmethod
    def _of_vectors(cls, told: Any) -> Any:
        if not isinstance(told, dict) or told.get("vectors") is None:
            return told
        quality = {"quality": {EMBEDDING: _UNRANKED}}
        return {"api": "embeddings", "max_output_tokens": 0, "sampling": [], **told, **quality}

    @property
    def fields(self) -> dict[str, Any]:
        """As the catalogue's own file has them, without the provider."""
        told = self.model_dump(mode="json", exclude={"prices"}, exclude_none=True)
        told["capabilities"] = sorted(self.capabilities)
        return {**told, "provider_model_id": self.provider_model_id or self.id}


class ExtraProvider(_Part):
    """A provider by configuration: it gets a function, a role, a log and a secret of its own."""

    name: ProviderName
    """What it is called in the catalogue, in answers and in its secret's name."""
    base_url: str
    """Where it answers; what comes behind is `/chat/completions`, `/responses` or `/embeddings`."""
    secret: Secret | None = None
    """The name of a secret that is there already, `{"api_key": "…"}`; without it, one is made."""
    streamed: bool = True
    """Whether it can answer as a stream."""
    models: tuple[ExtraModel, ...] = Field(min_length=1)
    """What it serves."""

    @model_validator(mode="after")
    def _stands_alone(self) -> Self:
        if self.name in {*BUILT_IN_PROVIDERS, SIMULATOR}:
            raise ValueError(f"name: {self.name} is built in")
        address = urlsplit(self.base_url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise ValueError("base_url: must be an address with http or https")
        if "@" in address.netloc or address.query or address.fragment:
            raise ValueError("base_url: must hold no user, password, query or fragment")
        return self


def check_extra_providers(providers: Iterable[ExtraProvider], *, locally: bool) -> None:
    """Raises `ValueError` with the way to the field that does not go with the others, the catalogue or
    the stage."""
    taken = {model.id for model in load_catalogue().models}
    names: set[str] = {construct_name(name) for name in (*BUILT_IN_PROVIDERS, SIMULATOR)}
    for index, provider in enumerate(providers):
        if construct_name(provider.name) in names:
            raise ValueError(f"{index}.name: {provider.name} is too like another one's")
        names.add(construct_name(provider.name))
        if not locally:
            _check_address(f"{index}.base_url", provider.base_url)
        for place, model in enumerate(provider.models):
            if model.id in taken:
                raise ValueError(f"{index}.models.{place}.id: there is a {model.id} already")
            taken.add(model.id)


def _check_address(way: str, base_url: str) -> None:
    if not base_url.startswith("https://"):
        raise ValueError(f"{way}: must be https, but for the stage local")
    try:
        public_address(base_url)
    except ValueError as error:
        raise ValueError(f"{way}: {error}") from None


def additions_of(providers: Iterable[ExtraProvider]) -> Additions:
    """What the functions are told of them."""
    listed = tuple(providers)
    return Additions(
        providers={
            one.name: AddedProvider(base_url=one.base_url, streamed=one.streamed) for one in listed
        },
        models=tuple(
            {
                **model.fields,
                "provider": one.name,
                "streamed": one.streamed and model.streamed,
            }
            for one in listed
            for model in one.models
        ),
        prices={
            model.id: model.prices.entry.model_dump(mode="json", exclude_none=True)
            for one in listed
            for model in one.models
            if model.prices
        },
    )
