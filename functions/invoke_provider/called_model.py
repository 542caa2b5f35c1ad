"""The model that is called, as its adapter and the prompt need to know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from functions.shared.catalogue.models import Vectors, load_catalogue
from functions.shared.contracts.decision import Profile
from functions.shared.errors import ModelNotFound
from functions.shared.policy.output_limit import output_limit
from functions.shared.vocabulary import (
    Api,
    Effort,
    OutputLimitName,
    Parameter,
    Sampling,
    Tokenizer,
    ToolChoice,
)


@dataclass(frozen=True)
class CalledModel:
    """`sampling`, `parameters`, `efforts` and `tool_choices` are what the model takes of such parameters,
    `effort_with_tools` the reasoning effort that it demands beside tools. It answers with
    `max_output_tokens` at most."""

    id: str
    provider: str
    provider_model_id: str
    api: Api
    tokenizer: Tokenizer
    max_output_tokens: int
    sampling: tuple[Sampling, ...]
    max_temperature: float
    tool_choices: tuple[ToolChoice, ...]
    strict_tools: bool
    min_output_tokens: int = 1
    image_detail: bool = False
    """Whether it knows levels of detail of an image."""
    parameters: tuple[Parameter, ...] = ()
    efforts: tuple[Effort, ...] = ()
    effort_with_tools: Literal["none", "untold"] | None = None
    prefill: bool = False
    """Whether it goes on from the assistant's own words at a conversation's end."""
    original_images: bool = False
    implicit_cache_writes: bool = False
    inference_geo: bool = False
    """Whether it lets one say where it runs."""
    output_limit_name: OutputLimitName = "max_completion_tokens"
    reasoning: bool = False
    time_to_first_token_ms: int = 1_000
    streamed: bool = True
    """Whether it can answer as a stream."""
    vectors: Vectors | None = None
    streams_tools: bool = True
    """Whether it takes tools where its answer is streamed."""


def called_model(model_id: str, profile: Profile) -> CalledModel:
    """Raises `ModelNotFound` for one that this function's catalogue does not know, yet or any more."""
    try:
        model = load_catalogue().get(model_id)
    except KeyError:
        raise ModelNotFound("The function that was to call it does not know the model.") from None
    return CalledModel(
        id=model.id,
        provider=model.provider,
        provider_model_id=model.provider_model_id,
        api=model.api,
        tokenizer=model.tokenizer,
        max_output_tokens=output_limit(model, profile),
        sampling=model.sampling,
        max_temperature=model.max_temperature,
        tool_choices=model.tool_choices,
        # Both mean that the provider holds the model to a schema.
        strict_tools="json_schema" in model.capabilities,
        min_output_tokens=model.min_output_tokens,
        image_detail=model.image_detail,
        parameters=model.parameters,
        efforts=model.efforts,
        effort_with_tools=model.effort_with_tools,
        prefill=model.prefill,
        original_images=model.original_images,
        implicit_cache_writes=model.implicit_cache_writes,
        inference_geo=model.inference_geo,
        output_limit_name=model.output_limit_name,
        streamed=model.streamed,
        reasoning=model.reasoning,
        time_to_first_token_ms=model.time_to_first_token_ms,
        streams_tools=model.streams_tools,
        vectors=model.vectors,
    )
