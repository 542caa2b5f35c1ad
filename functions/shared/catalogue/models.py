"""The models the engine knows, from `catalogue.toml` beside this file."""

from __future__ import annotations

import tomllib
from datetime import date
from functools import cached_property, lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from functions.shared.catalogue.additions import Additions, load_additions
from functions.shared.vocabulary import (
    EMBEDDING,
    Api,
    Capability,
    Count,
    Effort,
    Frozen,
    OutputLimitName,
    Parameter,
    Provider,
    Sampling,
    TextTask,
    Tokenizer,
    ToolChoice,
)

_FILE = Path(__file__).with_name("catalogue.toml")

MOST_DIMENSIONS = 16_384

TASKS = frozenset(get_args(TextTask))


class Vectors(Frozen):
    """What a model makes of texts that answers with vectors. Models of one `family` make the same ones, so
    that they can stand in for each other.

    `dimensions` are those of a vector where nobody asks for others; `other_dimensions` may be asked for, too,
    and where it `shortens` its vectors any that are fewer. `most_inputs` are taken by one call;
    `takes_token_ids`: also texts that the caller has made tokens of.
    """

    family: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
    dimensions: Annotated[int, Field(gt=0, le=MOST_DIMENSIONS)]
    other_dimensions: tuple[Annotated[int, Field(gt=0)], ...] = ()
    shortens: bool = False
    most_inputs: Annotated[int, Field(gt=0)] = 2048
    takes_token_ids: bool = False

    def has(self, dimensions: int | None) -> bool:
        """Whether vectors of so many dimensions can be asked for; None is for as many as usual."""
        if dimensions is None or dimensions == self.dimensions:
            return True
        is_shorter = self.shortens and dimensions < self.dimensions
        return is_shorter or dimensions in self.other_dimensions


class Model(Frozen):
    """One model of one provider. Windows in tokens; `quality` in [0, 1] per task that it serves.

    `image_tokens_low` is None where the model knows no detail; `implicit_cache_writes`: the provider
    writes input to its cache unasked, and charges for it; `streamed`: it can answer as a stream.
    `released`: the day on which its maker first offered it; None where a stage does not tell it of a
    model of its own.
    """

    id: str
    """What callers name it by."""
    provider: Provider
    provider_model_id: str
    """What its provider calls it."""
    api: Api
    """The interface that it is called by."""
    tokenizer: Tokenizer
    context_window: Annotated[int, Field(gt=0)]
    """Tokens of prompt and answer together."""
    max_output_tokens: Count
    """The longest answer; 0 of a model that makes vectors."""
    min_output_tokens: Annotated[int, Field(gt=0)] = 1
    """The least that may be asked for as the longest answer."""
    capabilities: frozenset[Capability]
    """What it can do; `image_urls` are images that the provider fetches."""
    image_detail: bool = False
    """Whether it is told how closely to look at an image."""
    image_tokens_most: Count = 0
    """Tokens of the largest image at the highest detail."""
    image_tokens_low: Count | None = None
    implicit_cache_writes: bool = False
    inference_geo: bool = False
    """Whether it takes Anthropic's parameter of this name."""
    output_limit_name: OutputLimitName = "max_completion_tokens"
    """What Chat Completions calls the limit of an answer."""
    streamed: bool = True
    sampling: tuple[Sampling, ...]
    """What it takes of these; others are left out, and said."""
    max_temperature: Annotated[float, Field(gt=0, le=2)] = 2
    """The highest that it takes; a higher one is lowered to it."""
    tool_choices: tuple[ToolChoice, ...] = ("auto", "none", "required", "named")
    """What it takes of these."""
    parameters: tuple[Parameter, ...] = ()
    """What else it takes; others are left out, and said."""
    efforts: tuple[Effort, ...] = ()
    """Levels of reasoning that it knows; another one is told as the nearest."""
    effort_with_tools: Literal["none", "untold"] | None = None
    """The level that it demands beside tools, or that none may be told."""
    prefill: bool = False
    """Whether it goes on from the assistant's own words at a conversation's end."""
    original_images: bool = False
    """Whether it knows OpenAI's detail `original`."""
    reasoning: bool
    """Whether it thinks before it answers."""
    streams_tools: bool = True
    """Whether it calls tools in a stream; otherwise it is asked for whole answers then."""
    released: date | None = None
    retires_on: date | None = None
    """The day on which its provider stops serving it."""
    successor: str | None = None
    """The model that answers in its place from then on."""
    time_to_first_token_ms: Annotated[int, Field(gt=0)]
    """Expected until calls of the stage have taught better."""
    output_tokens_per_second: Annotated[int, Field(gt=0)]
    """Expected likewise."""
    quality_source: Annotated[str, Field(min_length=1)]
    """Where `quality` is from."""
    quality: dict[str, Annotated[float, Field(ge=0, le=1)]]
    vectors: Vectors | None = None
    """Of a model that makes these, and no text."""

    @model_validator(mode="after")
    def _knows_its_tasks(self) -> Self:
        if (self.max_output_tokens == 0) != (self.vectors is not None):
            raise ValueError(f"{self.id}: has max_output_tokens unless it makes vectors")
        if self.vectors is not None:
            if self.quality.keys() != {EMBEDDING}:
                raise ValueError(f"{self.id}: quality must name exactly {EMBEDDING}")
            return self
        if self.provider == "local" and self.quality.keys() <= TASKS:
            return self
        if self.quality.keys() != TASKS:
            raise ValueError(f"{self.id}: quality must name exactly {sorted(TASKS)}")
        return self

    def is_retired(self, on: date) -> bool:
        return self.retires_on is not None and on >= self.retires_on


class Catalogue(Frozen):
    """Sorted by id; every successor exists and outlives its model, so a line of them has an end."""

    models: tuple[Model, ...]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        ids = [model.id for model in self.models]
        if ids != sorted(set(ids)):
            raise ValueError("model ids must be unique and sorted")
        dimensions: dict[str, int] = {}
        for model in self.models:
            if (own := model.vectors) and dimensions.setdefault(
                own.family, own.dimensions
            ) != own.dimensions:
                raise ValueError(f"{model.id}: vectors of {own.family} have other dimensions")
            if model.successor is not None:
                self._check_successor(model, model.successor)
        return self

    def _check_successor(self, model: Model, successor_id: str) -> None:
        successor = self._by_id.get(successor_id)
        if successor is None:
            raise ValueError(f"{model.id}: its successor {successor_id} is not a model")
        if model.retires_on is None:
            raise ValueError(f"{model.id}: has a successor but no day to retire on")
        if successor.is_retired(model.retires_on):
            raise ValueError(f"{model.id}: its successor {successor_id} retires no later")

    @cached_property
    def _by_id(self) -> dict[str, Model]:
        return {model.id: model for model in self.models}

    def get(self, model_id: str) -> Model:
        """Raises `KeyError`."""
        return self._by_id[model_id]

    def id_of(self, name: str) -> str:
        """`openai/gpt-4o` is `gpt-4o`, also by what its provider calls it; a name that is nothing known stays as
        it is."""
        provider, slash, rest = name.partition("/")
        if not slash or name in self._by_id:
            return name
        own = [one for one in self.models if one.provider == provider]
        known = [one.id for one in own if one.id == rest]
        return next(iter(known or [one.id for one in own if one.provider_model_id == rest]), name)

    def family(self, name: str) -> tuple[Model, ...]:
        """The models that make the same vectors; empty for an unknown name."""
        return tuple(one for one in self.models if one.vectors and one.vectors.family == name)

    @cached_property
    def for_text(self) -> tuple[Model, ...]:
        """Those that answer with a text."""
        return tuple(one for one in self.models if one.vectors is None)

    @property
    def families(self) -> list[str]:
        return sorted({one.vectors.family for one in self.models if one.vectors})

    def live_successor(self, model_id: str, on: date) -> Model:
        """The model itself while it lives, else the first after it that does.

        Raises `LookupError` where there is none, also for an unknown id.
        """
        model = self.get(model_id)
        while model.is_retired(on):
            if model.successor is None:
                raise LookupError(f"{model_id} has no live successor")
            model = self.get(model.successor)
        return model


@lru_cache
def load_catalogue() -> Catalogue:
    """Raises `pydantic.ValidationError` for a catalogue that breaks its own rules."""
    return catalogue_with(load_additions())


def catalogue_with(additions: Additions) -> Catalogue:
    """Raises as `load_catalogue` does, also for an id that both have."""
    models = tomllib.loads(_FILE.read_text("utf-8"))["models"]
    if additions.models:
        models = sorted([*models, *additions.models], key=itemgetter("id"))
    return Catalogue.model_validate({"models": models})
