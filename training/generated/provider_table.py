"""The table of providers in docs/catalogue.md, from the catalogue and its prices."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

from functions.shared.catalogue.models import Model, load_catalogue
from functions.shared.catalogue.pricing import load_prices
from functions.shared.vocabulary import BUILT_IN_PROVIDERS
from training.generated.price_sources import load_sources

PAGE = Path(__file__).parents[2] / "docs" / "catalogue.md"
_BLOCK = re.compile(r"(?s)(<!-- providers: .*?-->\n).*?(<!-- /providers -->)")
_CALLED_BY: dict[str, str] = {
    "openai": "OpenAI, `openai` SDK",
    "azure_openai": "Azure OpenAI (v1), `openai` SDK",
    "anthropic": "Anthropic, `anthropic` SDK",
    "bedrock": "AWS Bedrock, `boto3` Converse",
    "gemini": "Google's Gemini API as OpenAI's Chat Completions, `openai` SDK",
    "local": "in the engine's own functions, `onnxruntime`",
}
_HEAD = (
    "| provider | where, by what | models served | tools | JSON schema | images | USD per 1M tokens in / out "
    "| models for vectors |",
    "|---|---|---|---|---|---|---|---|",
)


def rendered(text: str) -> str:
    """The page with its table made anew. Raises `LookupError` where it has no place for one."""
    table = "\n".join([*_HEAD, *(_row(provider) for provider in BUILT_IN_PROVIDERS)])
    made, found = _BLOCK.subn(lambda block: f"{block[1]}{table}\n{block[2]}", text)
    if not found:
        raise LookupError(
            "docs/catalogue.md has no block <!-- providers: … --> … <!-- /providers -->"
        )
    return made


def _row(provider: str) -> str:
    # Live on the day of the prices, so that the table changes with its sources and not by itself.
    today = load_sources().newest
    live = [
        model
        for model in load_catalogue().models
        if model.provider == provider and model.quality and not model.is_retired(today)
    ]
    models = [model for model in live if model.vectors is None]
    of_vectors = [model for model in live if model.vectors is not None]
    cells = (
        f"`{provider}`",
        _CALLED_BY[provider],
        _ids(models),
        *(_share(models, capability) for capability in ("tools", "json_schema", "images")),
        f"{_range(models, 'input')} / {_range(models, 'output')}",
        _ids(of_vectors) or "–",
    )
    return f"| {' | '.join(cells)} |"


def _ids(models: list[Model]) -> str:
    return ", ".join(f"`{model.id}`" for model in models)


def _share(models: list[Model], capability: str) -> str:
    able = sum(capability in model.capabilities for model in models)
    return {0: "–", len(models): "all"}.get(able, f"{able} of {len(models)}")


def _range(models: list[Model], side: str) -> str:
    table, today = load_prices(), load_sources().newest
    prices: list[Decimal] = [
        getattr(table.in_force(model.id, today).rates[0], f"{side}_usd_per_mtok")
        for model in models
    ]
    ends = dict.fromkeys((min(prices), max(prices)))
    return " to ".join(f"{end.normalize():f}" for end in ends)
