"""What a stage adds to the catalogue: providers that speak OpenAI's language, with their models and prices.

Synthesis puts the file beside this one into the functions' code; without it nothing is added.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field

from functions.shared.vocabulary import BUILT_IN_PROVIDERS, Frozen, Provider

ADDITIONS_FILE = Path(__file__).with_name("additions.json")


class AddedProvider(Frozen):
    """`streamed`: whether it can answer as a stream."""

    base_url: str
    streamed: bool = True


class Additions(Frozen):
    """`models` and `prices` as the catalogue's own files have them, the prices by model; a model
    without one is known and never asked."""

    providers: dict[Provider, AddedProvider] = Field(default_factory=dict)
    models: tuple[dict[str, Any], ...] = ()
    prices: dict[str, dict[str, Any]] = Field(default_factory=dict)


@lru_cache
def load_additions() -> Additions:
    """Raises `pydantic.ValidationError` for a file that breaks its own rules."""
    if not ADDITIONS_FILE.exists():
        return Additions()
    return Additions.model_validate_json(ADDITIONS_FILE.read_bytes())


def known_providers() -> tuple[Provider, ...]:
    return (*BUILT_IN_PROVIDERS, *load_additions().providers)
